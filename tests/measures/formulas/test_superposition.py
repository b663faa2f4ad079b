"""Capacity and interference: the formulas, their known answers and their limits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas.superposition import capacity, interference
from safr_lens.word_vectors.vectors import unit_rows
from tests.reference import slow_measures, slow_superposition

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def rotation(dim, seed):
    return torch.linalg.qr(random(dim, dim, seed=seed))[0]


def polygon(n):
    angles = torch.arange(n) * 2 * math.pi / n
    return torch.stack([angles.cos(), angles.sin()], 1)


@few
@given(n=st.integers(1, 9), dim=st.integers(1, 6), seed=seeds)
def test_interference_equals_slow_loop(n, dim, seed):
    features = random(n, dim, seed=seed)
    features[0] *= seed % 2
    expected = slow_superposition.interference(features.double().tolist())
    assert interference(features).tolist() == pytest.approx(expected, rel=1e-5, abs=1e-6, nan_ok=True)


@few
@given(n=st.integers(1, 9), dim=st.integers(1, 6), seed=seeds)
def test_capacity_is_the_squared_norm_over_itself_plus_interference(n, dim, seed):
    features = random(n, dim, seed=seed)
    square = features.square().sum(1)
    torch.testing.assert_close(capacity(features), square / (square + interference(features)), atol=1e-5, rtol=0)


def test_interference_of_orthogonal_features_is_0_and_of_copies_the_sum_of_squared_norms():
    assert interference(torch.diag(torch.tensor([1.0, 2.0, 30.0]))).tolist() == [0.0] * 3
    features = torch.tensor([[0.0, 2.0], [0.0, -3.0], [0.0, 5.0]])
    assert interference(features).tolist() == pytest.approx([34.0, 29.0, 13.0])


def test_interference_in_a_pentagon_is_three_halves():
    # a tight frame: the squares of all five cosines sum to 5/2, and the own one is 1
    assert interference(polygon(5)).tolist() == pytest.approx([1.5] * 5, abs=1e-6)


@few
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_interference_grows_with_the_square_of_the_scale_and_ignores_rotation_and_order(seed, scale):
    features = random(7, 4, seed=seed)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(seed))
    found = interference(scale * features[order] @ rotation(4, seed + 1))
    torch.testing.assert_close(found, scale**2 * interference(features)[order], rtol=1e-4, atol=1e-6 * scale**2)


def test_interference_does_not_depend_on_the_feature_s_own_length():
    features = random(5, 3, seed=2)
    longer = features.clone()
    longer[0] *= 1e6
    torch.testing.assert_close(interference(longer)[0], interference(features)[0])


def test_interference_of_a_zero_feature_is_nan_and_the_others_do_not_notice():
    features = random(5, 3, seed=0)
    found = interference(torch.cat([features, torch.zeros(1, 3)]))
    assert found[5].isnan()
    torch.testing.assert_close(found[:5], interference(features))
    assert interference(torch.zeros(1, 3)).isnan().all()
    assert interference(torch.zeros(0, 3)).shape == (0,)


def test_small_interference_beside_a_large_norm_keeps_its_digits():
    features = torch.tensor([[1e12, 1.0], [0.0, 1e-3]])
    assert interference(features)[0].item() == pytest.approx(1e-30, rel=1e-5)


def test_interference_of_very_large_and_very_small_features():
    pair = torch.tensor([[3.0, 4.0], [-3.0, -4.0]], dtype=torch.float64)
    for scale in (1e-150, 1e150):
        assert interference(scale * pair).tolist() == pytest.approx([25 * scale * scale] * 2)


def test_nearly_orthogonal_float32_features_keep_their_digits():
    first, second = random(2, 300, seed=0).double()
    second -= (first @ second) / (first @ first) * first
    features = torch.stack([first, second]).float()
    expected = slow_superposition.interference(features.double().tolist())
    assert expected[0] < 1e-10
    assert interference(features).tolist() == pytest.approx(expected, rel=1e-5, abs=0)


def test_interference_of_random_unit_features_is_near_n_minus_1_over_d():
    n, d = 150, 60
    assert interference(unit_rows(random(n, d, seed=1))[0]).mean().item() == pytest.approx((n - 1) / d, rel=0.05)


@few
@given(n=st.integers(1, 9), dim=st.integers(1, 6), seed=seeds)
def test_capacity_equals_slow_loop(n, dim, seed):
    features = random(n, dim, seed=seed)
    expected = slow_measures.capacity(features.double().tolist())
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
