"""Sparsity: Hoyer, Gini, L0 and kurtosis against their equations, SciPy, known answers and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from safr_lens.measures.formulas.sparsity import gini, hoyer, kurtosis, l0
from tests.reference import slow_sparsity as slow

few = settings(max_examples=25)
seeds = st.integers(0, 10_000)
MEASURES = [hoyer, gini, kurtosis]


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@few
@given(n=st.integers(2, 12), seed=seeds, relu=st.booleans())
@pytest.mark.parametrize("name", ["hoyer", "gini", "kurtosis"])
def test_measures_equal_slow_loops(name, n, seed, relu):
    x = random(4, n, seed=seed)
    x = x.relu() if relu else x
    expected = [getattr(slow, name)(row) for row in x.double().tolist()]
    found = {"hoyer": hoyer, "gini": gini, "kurtosis": kurtosis}[name](x, dim=1)
    assert found.tolist() == pytest.approx(expected, abs=1e-5, nan_ok=True)


@few
@given(n=st.integers(1, 12), seed=seeds, threshold=st.floats(0, 2))
def test_l0_equals_slow_loop(n, seed, threshold):
    x = random(3, n, seed=seed)
    expected = [slow.l0(row, threshold) for row in x.double().tolist()]
    assert l0(x, dim=1, threshold=threshold).tolist() == pytest.approx(expected)


@few
@given(n=st.integers(2, 50), seed=seeds)
def test_kurtosis_equals_scipy(n, seed):
    x = random(n, 3, seed=seed).double() ** 3
    assert kurtosis(x, dim=0).tolist() == pytest.approx(scipy.stats.kurtosis(x.numpy(), axis=0).tolist(), rel=1e-9)


@few
@given(n=st.integers(2, 50), seed=seeds)
def test_gini_is_half_the_relative_mean_absolute_difference(n, seed):
    x = random(n, seed=seed).double()
    size = np.abs(x.numpy())
    # pdist has each pair once; the definition has every ordered pair and the n pairs with itself
    difference = 2 * pdist(size[:, None], "cityblock").sum() / n**2
    assert gini(x, dim=0).item() == pytest.approx(difference / (2 * size.mean()), rel=1e-9)


@pytest.mark.parametrize("n", [2, 5, 100])
def test_one_active_value_is_as_sparse_as_can_be(n):
    x = torch.zeros(n)
    x[n // 2] = -3.0
    assert hoyer(x, dim=0).item() == pytest.approx(1.0)
    assert gini(x, dim=0).item() == pytest.approx(1 - 1 / n)
    assert l0(x, dim=0).item() == pytest.approx(1 / n)
    assert kurtosis(x, dim=0).item() == pytest.approx(n - 5 + 1 / (n - 1), abs=1e-5)


@pytest.mark.parametrize("n", [2, 5, 100])
def test_equal_magnitudes_are_as_dense_as_can_be(n):
    x = torch.full((n,), 0.3)
    x[0] = -0.3
    assert hoyer(x, dim=0).item() == pytest.approx(0.0, abs=1e-6)
    assert gini(x, dim=0).item() == pytest.approx(0.0, abs=1e-6)
    assert l0(x, dim=0).item() == 1.0


def test_rounding_does_not_push_dense_values_below_0():
    for n in range(2, 60):
        steps = torch.randint(0, 3, (200, n), generator=torch.Generator().manual_seed(n)).double()
        x = torch.cat([torch.ones(1, n, dtype=torch.float64), 1 - steps * 2.0**-53])
        assert hoyer(x, dim=1).min() >= 0
        assert gini(x, dim=1).min() >= 0


def test_kurtosis_of_a_fair_coin_is_minus_2():
    assert kurtosis(torch.tensor([0.0, 1.0, 1.0, 0.0]), dim=0).item() == pytest.approx(-2.0)


@pytest.mark.parametrize(("k", "n"), [(2, 8), (3, 5)])
def test_k_equal_values_of_n(k, n):
    x = torch.zeros(n)
    x[:k] = 2.0
    assert hoyer(x, dim=0).item() == pytest.approx((math.sqrt(n) - math.sqrt(k)) / (math.sqrt(n) - 1))
    assert gini(x, dim=0).item() == pytest.approx(1 - k / n)


@pytest.mark.parametrize("measure", [*MEASURES, l0])
def test_dim_names_the_axis_that_is_measured_over(measure):
    x = random(3, 4, 5, seed=0).relu() + 0.01 * random(3, 4, 5, seed=1)
    for dim in (0, 1, 2, -1, -2):
        found = measure(x, dim=dim)
        moved = x.movedim(dim, -1)
        assert found.shape == moved.shape[:-1]
        one = tuple(0 for _ in found.shape)
        torch.testing.assert_close(found[one], measure(moved[one], dim=0))


@pytest.mark.parametrize("measure", [*MEASURES, l0])
def test_dim_must_be_given(measure):
    with pytest.raises(TypeError, match="dim"):
        measure(torch.ones(3))


@few
@given(seed=seeds, exponent=st.integers(-36, 36))
@pytest.mark.parametrize("measure", MEASURES)
def test_scale_and_order_do_not_matter(measure, seed, exponent):
    x = random(9, seed=seed)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(measure(10.0**exponent * x[order], dim=0), measure(x, dim=0), atol=1e-4, rtol=1e-4)


@few
@given(seed=seeds)
def test_signs_matter_to_kurtosis_only(seed):
    x = random(9, seed=seed)
    for measure in (hoyer, gini, l0):
        torch.testing.assert_close(measure(x.abs(), dim=0), measure(x, dim=0))
    torch.testing.assert_close(kurtosis(-x, dim=0), kurtosis(x, dim=0))
    torch.testing.assert_close(kurtosis(x + 3, dim=0), kurtosis(x, dim=0), atol=1e-4, rtol=1e-4)


@few
@given(n=st.integers(2, 30), seed=seeds, power=st.integers(1, 9))
def test_ranges(n, seed, power):
    x = random(6, n, seed=seed) ** power
    assert hoyer(x, dim=1).min() >= 0 and hoyer(x, dim=1).max() <= 1
    assert gini(x, dim=1).min() >= 0 and gini(x, dim=1).max() <= 1 - 1 / n + 1e-6
    assert kurtosis(x, dim=1).min() >= -2 - 1e-5 and kurtosis(x, dim=1).max() <= n - 5 + 1 / (n - 1) + 1e-4


@pytest.mark.parametrize("scale", [1e-320, 1e-300, 1e300])
def test_huge_and_tiny_float64_values_are_exact(scale):
    x = torch.tensor([3.0, 0.0, 4.0, -1.0], dtype=torch.float64)
    for measure in MEASURES:
        # values around 1e-320 have four digits
        assert measure(scale * x, dim=0).item() == pytest.approx(measure(x, dim=0).item(), rel=1e-3)


def test_undefined_slices_are_nan_and_the_others_do_not_notice():
    x = random(3, 5, seed=0)
    x[1] = 0.0
    for measure in MEASURES:
        found = measure(x, dim=1)
        assert found.isnan().tolist() == [False, True, False]
        torch.testing.assert_close(found[2], measure(x[2], dim=0))
    assert l0(x, dim=1)[1] == 0.0


def test_kurtosis_of_equal_values_is_nan_though_their_mean_is_rounded():
    for value in (0.1, 1 / 3, 1e-12, 1e12, -1e-310):
        for n in (2, 7, 1001):
            assert kurtosis(torch.full((n,), value, dtype=torch.float64), dim=0).isnan()
    assert hoyer(torch.full((7,), 0.1), dim=0).item() == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("measure", [*MEASURES, l0])
def test_nan_stays_nan(measure):
    found = measure(torch.tensor([[1.0, float("nan"), 2.0], [1.0, 0.0, 2.0]]), dim=1)
    assert found.isnan().tolist() == [True, False]


def test_l0_counts_what_is_strictly_above_the_threshold():
    x = torch.tensor([0.0, 0.5, -0.5, 2.0])
    assert [l0(x, dim=0, threshold=at).item() for at in (0.0, 0.5, 2.0)] == [0.75, 0.25, 0.0]
    with pytest.raises(ValueError, match=r"threshold of 0 or more; got -1"):
        l0(x, dim=0, threshold=-1)
    with pytest.raises(ValueError, match="l0 needs at least 1 values along dim; got 0"):
        l0(torch.ones(2, 0), dim=1)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("n", [0, 1])
def test_two_values_are_needed(measure, n):
    with pytest.raises(ValueError, match=f"{measure.__name__} needs at least 2 values along dim; got {n}"):
        measure(torch.ones(4, n), dim=1)


@pytest.mark.parametrize("measure", [*MEASURES, l0])
def test_counts_are_not_rounded_to_whole_answers(measure):
    with pytest.raises(ValueError, match=r"floating-point values; got torch\.int64"):
        measure(torch.tensor([1, 2, 5]), dim=0)


def test_values_on_random_input_are_as_the_docstrings_say():
    x = random(1_000_000, seed=0)
    found = [measure(y, dim=0).item() for measure in MEASURES for y in (x, x.relu())]
    assert found == pytest.approx([0.20, 0.44, 0.41, 0.71, 0.0, 2.41], abs=0.02)
    assert l0(x.relu(), dim=0).item() == pytest.approx(0.5, abs=0.01)
    short = random(2000, 30, seed=1)
    assert hoyer(short, dim=1).mean().item() == pytest.approx(0.24, abs=0.01)
    assert hoyer(short.relu(), dim=1).nanmean().item() == pytest.approx(0.53, abs=0.01)
    assert gini(short, dim=1).std().item() == pytest.approx(0.05, abs=0.01)
