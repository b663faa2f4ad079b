"""What the neurons add to a prediction at each token."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from safr_lens.measures.attribution import attribution, margin


def test_shares_of_a_token_sum_to_one(model):
    found = attribution(model.decompose("a gripping , funny film"))
    torch.testing.assert_close(found.share.sum(1), torch.ones(5))


def test_evidence_and_biases_add_up_to_the_margin(model):
    parts = model.decompose("a gripping , funny film")
    predicted = int(parts.logits.argmax())
    rest = margin(torch.stack(list(parts.others.values())).sum((0, 1)), predicted)
    total = attribution(parts).evidence.sum() + rest
    torch.testing.assert_close(total, margin(parts.logits, predicted), atol=1e-4, rtol=0)


def test_neurons_for_half_counts_the_fewest(model):
    found = attribution(model.decompose("a gripping , funny film"))
    for row, count in zip(found.share, found.neurons_for_half(), strict=True):
        largest = row.sort(descending=True).values
        assert largest[:count].sum() >= 0.5 - 1e-6
        assert largest[: count - 1].sum() < 0.5


def test_a_silent_token_needs_no_neuron(model):
    parts = model.decompose("a dull film")
    silent = dataclasses.replace(parts, neurons=torch.zeros_like(parts.neurons))
    assert attribution(silent).neurons_for_half() == [0, 0, 0]
    assert not attribution(silent).share.isnan().any()


def test_margin_compares_with_the_mean_of_the_others():
    assert margin(torch.tensor([3.0, 1.0, 2.0]), 0).item() == pytest.approx(1.5)
