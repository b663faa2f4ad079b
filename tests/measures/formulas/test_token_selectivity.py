"""Token selectivity: the formula, its known answers and its limits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures import token_selectivity
from tests.reference import slow_measures as slow

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


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
