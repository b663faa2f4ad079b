"""Slots by place equal those of a list with one entry a token."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.streams.slots import SlotsOfPlaces


@settings(max_examples=30)
@given(
    counts=st.lists(st.integers(0, 6), min_size=1, max_size=20).filter(any),
    n_slots=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_every_place_has_the_slot_of_its_type(counts, n_slots, seed):
    counts = torch.tensor(counts)
    slots = torch.randint(n_slots, (len(counts),), generator=torch.Generator().manual_seed(seed))
    places = torch.randperm(int(counts.sum()), generator=torch.Generator().manual_seed(seed))
    assert torch.equal(SlotsOfPlaces(counts, slots)(places), slots.repeat_interleave(counts)[places])


@pytest.mark.parametrize("sorted_by_count", [True, False])
def test_a_corpus_of_more_tokens_than_buckets(sorted_by_count):
    counts = (300_000 / torch.arange(1, 2001)).long()
    counts[[5, 700]] = 0
    if not sorted_by_count:
        counts = counts[torch.randperm(2000, generator=torch.Generator().manual_seed(0))]
    slots = torch.arange(2000).where(counts > 400, 2000)
    lookup = SlotsOfPlaces(counts, slots)
    assert lookup.shift > 0 and (lookup.by_bucket < 0).any() and (lookup.by_bucket >= 0).any()
    places = torch.arange(int(counts.sum())).flip(0).expand(2, -1)
    assert torch.equal(lookup(places), slots.repeat_interleave(counts)[places])
