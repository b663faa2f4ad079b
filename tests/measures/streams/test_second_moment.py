"""Ranks from a streamed second moment are those of all features at once."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas.rank import effective_rank, participation_ratio
from safr_lens.measures.streams.second_moment import SecondMoment

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


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
