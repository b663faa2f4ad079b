"""Random draws that depend on the token and the seed alone, and samples made of them."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from safr_lens.neurons.sampling import DrawnSample, token_draws

few = settings(max_examples=25)


def places(n_texts=200, n_tokens=50):
    example = torch.arange(n_texts).repeat_interleave(n_tokens)
    return example, torch.arange(n_tokens).repeat(n_texts)


def test_draws_depend_on_the_place_and_the_seed_alone():
    example, positions = places()
    draws = token_draws(example, positions, seed=3)
    order = torch.randperm(len(example), generator=torch.Generator().manual_seed(0))
    assert torch.equal(token_draws(example[order], positions[order], seed=3), draws[order])
    assert not torch.equal(token_draws(example, positions, seed=4), draws)


@pytest.mark.parametrize("seed", [0, 1, -1, 2**63])
def test_draws_are_uniform_and_all_different(seed):
    draws = token_draws(*places(), seed=seed)
    assert draws.min() >= 0 and len(draws.unique()) == len(draws)
    share = torch.histc(draws.double() / 2**63, bins=10, min=0, max=1) / len(draws)
    assert (share - 0.1).abs().max() < 5 * (0.09 / len(draws)) ** 0.5


def test_draws_of_neighbours_and_of_neighbouring_seeds_are_unrelated():
    example, positions = places()
    draws = token_draws(example, positions, seed=0).double()
    later = token_draws(example, positions + 1, seed=0).double()
    other = token_draws(example, positions, seed=1).double()
    for against in (later, other, torch.arange(len(draws)).double()):
        assert torch.corrcoef(torch.stack([draws, against]))[0, 1].abs() < 5 / len(draws) ** 0.5


@few
@given(n=st.integers(1, 40), pieces=st.lists(st.integers(0, 17), min_size=1, max_size=12), seed=st.integers(0, 1000))
@example(n=12, pieces=[2, 3, 0, 2, 3], seed=0)
@example(n=3, pieces=[2, 3, 9, 2, 3], seed=0)
def test_a_sample_holds_the_smallest_draws_whatever_the_pieces(n, pieces, seed):
    total = sum(pieces)
    draws = torch.randperm(1000, generator=torch.Generator().manual_seed(seed))[:total]
    rows = torch.arange(total)
    sample = DrawnSample(n)
    for drawn, kept in zip(draws.split(pieces), rows.split(pieces), strict=True):
        sample.add(drawn, kept, kept.float().unsqueeze(1))
        sample.columns()  # looking does not change what comes later
    numbers, floats = sample.columns()
    assert numbers.tolist() == sorted(range(total), key=lambda row: int(draws[row]))[:n]
    assert floats.flatten().tolist() == numbers.tolist()
    assert sample.columns(2)[0].tolist() == numbers.tolist()[:2]
