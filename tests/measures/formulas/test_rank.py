"""Effective rank and participation ratio: the formulas, their known answers and their limits."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas.rank import effective_rank, participation_ratio
from tests.reference import slow_superposition as slow

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def rotation(dim, seed):
    return torch.linalg.qr(random(dim, dim, seed=seed))[0]


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
