"""Activity of neurons equals its definitions, however the corpus is cut."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings

from safr_lens.measures.formulas.sparsity import hoyer
from safr_lens.measures.streams.activity import NeuronActivity
from tests.measures.streams.corpus import D_MLP, N_TOKENS, neurons, splits, texts_of

few = settings(max_examples=20)


def test_activity_equals_its_definitions():
    h = neurons()
    metric = NeuronActivity(D_MLP)
    metric.update(h)
    found = metric.result()
    assert found.n_tokens == N_TOKENS
    torch.testing.assert_close(found.mean, h.mean(0))
    torch.testing.assert_close(found.max, h.amax(0))
    torch.testing.assert_close(found.firing_rate, (h > 0).float().mean(0))
    torch.testing.assert_close(found.lifetime_sparsity, hoyer(h, 0), equal_nan=True)
    assert found.alive.tolist() == [True] * 4 + [False]
    assert found.lifetime_sparsity[4].isnan()


def test_activity_of_signed_neurons_takes_magnitudes():
    h = torch.tensor([[-2.0], [2.0], [-2.0]])
    metric = NeuronActivity(1)
    metric.update(h)
    found = metric.result()
    assert found.lifetime_sparsity.item() == pytest.approx(0.0, abs=1e-6)
    assert (found.max.item(), found.firing_rate.item()) == (2.0, pytest.approx(1 / 3))


def test_one_token_has_no_lifetime_sparsity():
    metric = NeuronActivity(2)
    metric.update(torch.ones(1, 2))
    assert metric.result().lifetime_sparsity.isnan().all()


@few
@given(split=splits)
def test_activity_of_any_pieces_is_that_of_the_whole(split):
    h = neurons()
    whole, pieces = NeuronActivity(D_MLP), NeuronActivity(D_MLP)
    whole.update(h)
    for part in split:
        pieces.update(torch.cat([texts_of(h)[i] for i in part]))
    for name, value in vars(whole.result()).items():
        if name != "n_tokens":
            torch.testing.assert_close(getattr(pieces.result(), name), value, atol=1e-6, rtol=1e-6, equal_nan=True)


def test_compute_gives_the_same_as_a_dict_for_collections():
    metric = NeuronActivity(D_MLP)
    metric.update(neurons())
    assert set(metric.compute()) == set(vars(metric.result()))
