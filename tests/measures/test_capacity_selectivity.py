"""Capacity and token selectivity: the formulas, their known answers and their limits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures import capacity, token_selectivity
from tests.reference import slow_measures as slow

few = settings(max_examples=25)
seeds = st.integers(0, 10_000)


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# ---- capacity


@few
@given(n=st.integers(1, 9), dim=st.integers(1, 6), seed=seeds)
def test_capacity_equals_slow_loop(n, dim, seed):
    features = random(n, dim, seed=seed)
    expected = slow.capacity(features.double().tolist())
    assert capacity(features).tolist() == pytest.approx(expected, abs=1e-5)


def test_orthogonal_features_have_a_dimension_each():
    assert capacity(torch.diag(torch.tensor([1.0, 2.0, 30.0]))).tolist() == pytest.approx([1.0] * 3)


def test_antipodal_features_share_a_dimension_in_halves():
    features = torch.tensor([[3.0, 4.0], [-3.0, -4.0]])
    assert capacity(features).tolist() == pytest.approx([1 / 2] * 2)


def test_five_features_in_a_pentagon_have_two_fifths_each():
    angles = torch.arange(5) * 2 * math.pi / 5
    pentagon = torch.stack([angles.cos(), angles.sin()], 1)
    assert capacity(pentagon).tolist() == pytest.approx([2 / 5] * 5, abs=1e-6)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_identical_features_share_a_dimension(n):
    assert capacity(torch.tensor([[0.2, 0.0, 5.0]]).repeat(n, 1)).tolist() == pytest.approx([1 / n] * n)


@few
@given(n=st.integers(1, 12), dim=st.integers(1, 5), rank=st.integers(1, 5), seed=seeds)
def test_capacity_is_between_0_and_1_and_sums_to_at_most_the_rank(n, dim, rank, seed):
    features = random(n, min(rank, dim), seed=seed) @ random(min(rank, dim), dim, seed=seed + 1)
    found = capacity(features)
    assert found.min() > 0 and found.max() <= 1 + 1e-6
    assert found.sum() <= min(n, dim, rank) + 1e-4


@few
@given(seed=seeds, scale=st.floats(1e-6, 1e6))
def test_capacity_does_not_change_with_rotation_or_scale_of_all(seed, scale):
    features = random(7, 4, seed=seed)
    rotation = torch.linalg.qr(random(4, 4, seed=seed + 1))[0]
    torch.testing.assert_close(capacity(scale * features @ rotation), capacity(features), atol=1e-4, rtol=0)


def test_capacity_of_very_large_and_very_small_features_is_exact():
    for scale in (1e-30, 1e30):
        assert capacity(scale * torch.tensor([[3.0, 4.0], [-3.0, -4.0]])).tolist() == pytest.approx([1 / 2] * 2)


def test_capacity_of_a_zero_feature_is_nan_and_the_others_do_not_notice():
    features = random(5, 3, seed=0)
    found = capacity(torch.cat([features, torch.zeros(1, 3)]))
    assert found[5].isnan()
    torch.testing.assert_close(found[:5], capacity(features))
    assert capacity(torch.zeros(2, 3)).isnan().all()


def test_capacity_of_random_features_is_near_one_over_one_plus_n_over_d():
    n, d = 120, 60
    assert capacity(random(n, d, seed=1)).mean().item() == pytest.approx(1 / (1 + n / d), rel=0.05)


# ---- token selectivity


@few
@given(n_types=st.integers(2, 9), seed=seeds)
def test_token_selectivity_equals_slow_loop(n_types, seed):
    means = random(n_types, 6, seed=seed).relu()
    expected = slow.token_selectivity(means.double().tolist())
    assert token_selectivity(means).tolist() == pytest.approx(expected, abs=1e-5, nan_ok=True)


def test_token_selectivity_is_1_for_one_type_and_0_for_all_alike():
    means = torch.zeros(6, 2)
    means[4, 0] = 0.3
    means[:, 1] = 7.0
    assert token_selectivity(means).tolist() == pytest.approx([1.0, 0.0], abs=1e-7)


@pytest.mark.parametrize(("k", "n_types"), [(2, 4), (3, 9), (5, 8)])
def test_token_selectivity_of_k_types_alike_is_one_minus_log_k_over_log_v(k, n_types):
    means = torch.zeros(n_types, 1)
    means[:k] = 2.0
    assert token_selectivity(means).item() == pytest.approx(1 - math.log(k) / math.log(n_types), abs=1e-6)


def test_token_selectivity_of_a_dead_neuron_is_nan():
    assert token_selectivity(torch.zeros(3, 2)).isnan().all()


@few
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_token_selectivity_does_not_change_with_scale_or_order_of_types(seed, scale):
    means = random(8, 5, seed=seed).relu() + 1e-3
    order = torch.randperm(8, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(token_selectivity(scale * means[order]), token_selectivity(means), atol=1e-5, rtol=0)


@few
@given(n_types=st.integers(2, 30), seed=seeds)
def test_token_selectivity_is_between_0_and_1(n_types, seed):
    found = token_selectivity(random(n_types, 10, seed=seed).relu() + 1e-6)
    assert found.min() >= 0 and found.max() <= 1


def test_negative_means_count_as_zero():
    assert token_selectivity(torch.tensor([[1.0], [-5.0], [1.0]])).item() == pytest.approx(
        token_selectivity(torch.tensor([[1.0], [0.0], [1.0]])).item()
    )


def test_token_selectivity_needs_two_types():
    with pytest.raises(ValueError, match="at least two token types; got 1"):
        token_selectivity(torch.ones(1, 3))
