"""Interference, effective rank and participation ratio, at once and streamed: formulas, known answers and limits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas.rank import effective_rank, participation_ratio
from safr_lens.measures.formulas.superposition import capacity, interference, unit_rows
from safr_lens.measures.streams.second_moment import SecondMoment
from tests.reference import slow_superposition as slow

few = settings(max_examples=25)
seeds = st.integers(0, 10_000)


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def rotation(dim, seed):
    return torch.linalg.qr(random(dim, dim, seed=seed))[0]


def polygon(n):
    angles = torch.arange(n) * 2 * math.pi / n
    return torch.stack([angles.cos(), angles.sin()], 1)


# ---- interference


@few
@given(n=st.integers(1, 9), dim=st.integers(1, 6), seed=seeds)
def test_interference_equals_slow_loop(n, dim, seed):
    features = random(n, dim, seed=seed)
    features[0] *= seed % 2
    expected = slow.interference(features.double().tolist())
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
    expected = slow.interference(features.double().tolist())
    assert expected[0] < 1e-10
    assert interference(features).tolist() == pytest.approx(expected, rel=1e-5, abs=0)


def test_unit_rows_of_any_length():
    row = torch.tensor([3.0, -4.0], dtype=torch.float64)
    found = unit_rows(torch.stack([1e-200 * row, 1e200 * row, 0 * row]))
    assert found[:2].flatten().tolist() == pytest.approx([0.6, -0.8] * 2)
    assert found[2].isnan().all()


def test_interference_of_random_unit_features_is_near_n_minus_1_over_d():
    n, d = 150, 60
    assert interference(unit_rows(random(n, d, seed=1))).mean().item() == pytest.approx((n - 1) / d, rel=0.05)


# ---- effective rank and participation ratio


@few
@given(n=st.integers(1, 8), dim=st.integers(1, 5), seed=seeds, centre=st.booleans())
def test_ranks_equal_slow_loop(n, dim, seed, centre):
    features = random(n, dim, seed=seed).double() + 0.5
    rows = features.tolist()
    found = effective_rank(features, centre=centre), participation_ratio(features, centre=centre)
    if centre and n == 1:
        assert found[0].isnan() and found[1].isnan()
        return
    values = slow.eigenvalues(slow.centred(rows) if centre else rows)
    assert found[0].item() == pytest.approx(slow.effective_rank(values), rel=1e-5)
    assert found[1].item() == pytest.approx(slow.participation_ratio(values), rel=1e-9)


@pytest.mark.parametrize("measure", [effective_rank, participation_ratio])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_k_equal_directions_have_rank_k(measure, k):
    features = 3 * rotation(6, seed=k)[:k]
    assert measure(features).item() == pytest.approx(k, rel=1e-5)
    assert measure(features).shape == ()


def test_known_ranks_of_unequal_directions():
    features = torch.diag(torch.tensor([2.0, 1.0, 1.0, 0.0]))
    # shares of singular values 1/2, 1/4, 1/4; eigenvalues 4, 1, 1
    assert effective_rank(features).item() == pytest.approx(2**1.5)
    assert participation_ratio(features).item() == pytest.approx(36 / 18)


@pytest.mark.parametrize("measure", [effective_rank, participation_ratio])
def test_an_offset_counts_as_a_direction_unless_it_is_removed(measure):
    features = torch.tensor([[100.0, 1.0], [100.0, -1.0]])
    assert measure(features).item() == pytest.approx(1.0, abs=0.1)
    assert measure(100 * torch.eye(2) + 7.0, centre=True).item() == pytest.approx(1.0)
    around = torch.cat([torch.eye(3), -torch.eye(3)]) + 50.0
    assert measure(around, centre=True).item() == pytest.approx(3.0, rel=1e-4)
    assert measure(around).item() < 1.2


@few
@given(n=st.integers(1, 10), dim=st.integers(1, 5), rank=st.integers(1, 5), seed=seeds)
def test_ranks_are_between_1_and_the_rank(n, dim, rank, seed):
    k = min(rank, dim)
    features = random(n, k, seed=seed) @ random(k, dim, seed=seed + 1)
    for found in (effective_rank(features), participation_ratio(features)):
        assert 1 - 1e-5 <= found.item() <= min(n, k) + 1e-3


@few
@given(seed=seeds, exponent=st.integers(-200, 200))
def test_ranks_do_not_change_with_order_rotation_or_scale_of_all(seed, exponent):
    features = random(7, 4, seed=seed).double() + 0.3
    order = torch.randperm(7, generator=torch.Generator().manual_seed(seed))
    moved = 10.0**exponent * (features[order] @ torch.linalg.qr(random(4, 4, seed=seed + 1).double())[0])
    for measure in (effective_rank, participation_ratio):
        for centre in (False, True):
            torch.testing.assert_close(measure(moved, centre=centre), measure(features, centre=centre))


@pytest.mark.parametrize("measure", [effective_rank, participation_ratio])
def test_ranks_of_nothing_are_nan(measure):
    assert measure(torch.zeros(3, 2)).isnan()
    assert measure(torch.zeros(0, 2)).isnan()


@pytest.mark.parametrize("measure", [effective_rank, participation_ratio])
@pytest.mark.parametrize("n", [7, 49, 1000])
def test_what_rounding_leaves_of_equal_rows_is_not_a_direction(measure, n):
    features = random(1, 9, seed=n).double().repeat(n, 1)
    assert measure(features, centre=True).isnan()


def test_ranks_of_random_features_are_as_the_docstrings_say():
    assert effective_rank(random(300, 300, seed=0)).item() == pytest.approx(0.8 * 300, rel=0.02)
    assert effective_rank(random(1000, 100, seed=0)).item() == pytest.approx(0.99 * 100, rel=0.01)
    assert participation_ratio(random(500, 100, seed=0)).item() == pytest.approx(500 * 100 / 600, rel=0.02)


# ---- the same, streamed


def streamed(pieces, dim):
    moment = SecondMoment(dim)
    for piece in pieces:
        moment.update(piece)
    return moment.compute()


def at_once(features):
    return [
        measure(features.double(), centre=centre).item()
        for centre in (False, True)
        for measure in (effective_rank, participation_ratio)
    ]


@few
@given(n=st.integers(2, 40), dim=st.integers(1, 8), seed=seeds, size=st.integers(1, 9), offset=st.floats(0, 100))
def test_streamed_equals_all_at_once(n, dim, seed, size, offset):
    features = random(n, dim, seed=seed) * torch.logspace(0, -2, dim) + offset
    found = streamed(features.split(size), dim)
    assert list(found[:4]) == pytest.approx(at_once(features), rel=1e-6)
    assert found.n_features == n


@pytest.mark.parametrize("rank", [1, 3, 20])
def test_streamed_equals_all_at_once_where_most_directions_are_empty(rank):
    # without a floor, rounding of 1e-16 in the moment would give each empty direction a singular value of 1e-8
    features = random(500, rank, seed=rank).double() @ random(rank, 200, seed=9).double() + 3.0
    assert list(streamed(features.split(64), 200)[:4]) == pytest.approx(at_once(features), rel=1e-6)


@few
@given(seed=seeds)
def test_neither_the_order_nor_the_number_of_processes_matters(seed):
    features = random(30, 5, seed=seed) + 1
    first, second = SecondMoment(5), SecondMoment(5)
    first.update(features[20:])
    second.update(features[:4])
    second.update(features[4:20])
    first.merge_state(second)
    assert list(first.compute()) == pytest.approx(list(streamed([features], 5)), rel=1e-9)


def test_states_are_float64_and_reset():
    moment = SecondMoment(2)
    moment.update(torch.eye(2))
    assert moment.products.dtype == moment.total.dtype == torch.float64
    moment.reset()
    moment.update(torch.tensor([[1.0, 0.0]]))
    assert moment.compute().effective_rank == pytest.approx(1.0)
    assert moment.compute().n_features == 1


def test_forward_returns_the_ranks_of_its_batch_and_keeps_both():
    moment = SecondMoment(2)
    assert moment(torch.tensor([[1.0, 0.0]])).participation_ratio == pytest.approx(1.0)
    assert moment(torch.tensor([[0.0, 1.0]])).participation_ratio == pytest.approx(1.0)
    assert moment.compute().participation_ratio == pytest.approx(2.0)


def test_streamed_ranks_of_nothing_are_nan():
    moment = SecondMoment(3)
    moment.update(torch.zeros(4, 3))
    assert all(math.isnan(value) for value in moment.compute()[:4])
    empty = SecondMoment(3)
    empty.update(torch.zeros(0, 3))
    assert all(math.isnan(value) for value in empty.compute()[:4])
    constant = streamed([torch.full((7, 3), 1.1 / 3, dtype=torch.float64)] * 3, 3)
    assert constant.effective_rank == pytest.approx(1.0)
    assert math.isnan(constant.centred_effective_rank) and math.isnan(constant.centred_participation_ratio)


def test_update_refuses_other_shapes_and_values_that_are_not_finite():
    moment = SecondMoment(3)
    with pytest.raises(ValueError, match=r"expects \[n_features, 3\]; got \[2, 4\]"):
        moment.update(torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"got \[3\]"):
        moment.update(torch.ones(3))
    with pytest.raises(ValueError, match="not finite"):
        moment.update(torch.tensor([[0.0, float("nan"), 1.0]]))
    assert moment.n_features == 0
