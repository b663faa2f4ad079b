"""Permutations in constant memory."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from safr_lens.measures.nulls import shuffled

few = settings(max_examples=25)


@few
@given(n=st.integers(1, 3000), seed=st.integers(0, 1000))
def test_every_number_is_met_once(n, seed):
    assert sorted(shuffled(torch.arange(n), n, seed=seed).tolist()) == list(range(n))


@few
@given(n=st.integers(2, 500), seed=st.integers(0, 1000), size=st.integers(1, 50))
def test_a_part_of_the_numbers_goes_where_it_goes_among_all(n, seed, size):
    part = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:size]
    assert torch.equal(shuffled(part, n, seed=seed), shuffled(torch.arange(n), n, seed=seed)[part])


def test_all_permutations_of_four_come_about_equally_often():
    found = Counter(tuple(shuffled(torch.arange(4), 4, seed=seed).tolist()) for seed in range(2400))
    assert len(found) == 24
    assert stats.chisquare(list(found.values())).pvalue > 1e-6


def test_neither_places_nor_neighbours_are_kept():
    n = 20_000
    found = shuffled(torch.arange(n), n, seed=5).double()
    kept = torch.corrcoef(torch.stack([found, torch.arange(n).double()]))[0, 1]
    neighbours = torch.corrcoef(torch.stack([found[1:], found[:-1]]))[0, 1]
    assert max(kept.abs(), neighbours.abs()) < 4 / math.sqrt(n)
    residues = Counter((found[::8] % 8).int().tolist())
    assert stats.chisquare(list(residues.values())).pvalue > 1e-4


@pytest.mark.parametrize("number", [-1, 7])
def test_numbers_beyond_the_permutation_are_an_error(number):
    with pytest.raises(ValueError, match="0 to 6"):
        shuffled(torch.tensor([0, number]), 7, seed=0)
