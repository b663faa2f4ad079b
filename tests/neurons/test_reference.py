"""Samples and means of neurons: of the right tokens, and the same in any batches."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from safr_lens.activations import stream_activations
from safr_lens.errors import ConfigError, DataError
from safr_lens.neurons import mean_neurons, reference_neurons
from safr_lens.neurons.reference import sampled
from safr_lens.neurons.sampling import DrawnSample, token_draws

few = settings(max_examples=25)
NEURONS = "blocks.0.mlp.hook_post"


def every_token(model, texts, layer=0):
    """The neurons at all tokens, one text at a time."""
    name = f"blocks.{layer}.mlp.hook_post"
    with torch.no_grad():
        return torch.cat([model(text, capture=[name]).activations[name][0] for text in texts])


# ---- draws


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


# ---- reference and mean


def test_the_reference_is_made_of_tokens_of_the_data_without_replacement(model, texts):
    all_tokens = every_token(model, texts)
    rows = reference_neurons(model, texts, layer=0, n=12)
    distances = torch.cdist(rows.double(), all_tokens.double())
    assert rows.shape == (12, 32) and distances.min(1).values.max() < 1e-5
    # the same word at other positions is almost the same vector, so matches are counted and not compared
    assert len(distances.argmin(1).unique()) >= 10


def test_a_reference_larger_than_the_data_holds_every_token_once(model, texts):
    all_tokens = every_token(model, texts)
    rows = reference_neurons(model, texts, layer=0, n=10_000)
    assert rows.shape == all_tokens.shape
    torch.testing.assert_close(rows.sum(0), all_tokens.sum(0), atol=1e-4, rtol=0)


@pytest.mark.parametrize("max_positions", [1, 11, 30])
def test_the_reference_does_not_depend_on_batches(make_model, texts, max_positions):
    model = make_model()
    stream = stream_activations(model, texts, NEURONS, max_positions=max_positions)
    found = sampled(stream, [NEURONS], n=9, seed=5)[NEURONS]
    torch.testing.assert_close(found, reference_neurons(model, texts, n=9, seed=5), atol=1e-5, rtol=0)


def test_seeds_give_other_references(make_model, texts):
    model = make_model()
    first, again, other = (reference_neurons(model, texts, n=9, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.allclose(first, other)


def test_means_are_over_real_tokens(model, texts):
    found = mean_neurons(model, texts, layer=-1)
    torch.testing.assert_close(found, every_token(model, texts, model.config.n_layers - 1).mean(0), atol=1e-5, rtol=0)


def test_bad_input(make_model, texts):
    model = make_model()
    with pytest.raises(ConfigError, match="n must be a whole number, at least 1; got 0"):
        reference_neurons(model, texts, n=0)
    with pytest.raises(ConfigError, match="no layer 1"):
        reference_neurons(model, texts, layer=1)
    with pytest.raises(ConfigError, match="no layer 1"):
        mean_neurons(model, texts, layer=1)
    with pytest.raises(DataError, match="holds no texts"):
        mean_neurons(model, [])
