"""Samples and means of neurons: of the right tokens, and the same in any batches."""

from __future__ import annotations

import pytest
import torch

from safr_lens.activations import stream_activations
from safr_lens.errors import ConfigError, DataError
from safr_lens.neurons import mean_neurons, reference_neurons
from safr_lens.neurons.reference import sampled

NEURONS = "blocks.0.mlp.hook_post"


def every_token(model, texts, layer=0):
    """The neurons at all tokens, one text at a time."""
    name = f"blocks.{layer}.mlp.hook_post"
    with torch.no_grad():
        return torch.cat([model(text, capture=[name]).activations[name][0] for text in texts])


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
