"""Distinctness of a model's neurons, from its statistics."""

from __future__ import annotations

import pytest
import torch

from safr_lens.activations import stream
from safr_lens.measures import Inputs, collect_statistics, measurements
from safr_lens.measures.formulas.distinctness import distinct_neurons, independent_neurons
from tests.training.corpus import rows, tiny_classifier


def measured(model, data):
    statistics = collect_statistics(model, data)
    return measurements(Inputs(statistics))["distinct_neurons"], statistics.types.means().means


def test_it_is_the_number_over_types_with_an_interval_and_a_null():
    found, means = measured(tiny_classifier(), rows(80, seed=2))
    assert found.estimate.value == pytest.approx(distinct_neurons(means))
    varying = int((means.amax(0) > means.amin(0)).sum())
    assert found.null.value == pytest.approx(independent_neurons(varying, len(means)))
    low, high = found.estimate.interval()
    assert low < found.estimate.value < high and found.judged is found.estimate


def test_copied_neurons_are_found():
    model, data = tiny_classifier(), rows(80, seed=2)
    with torch.no_grad():
        model.backbone.blocks[0].mlp.W_in.copy_(model.backbone.blocks[0].mlp.W_in[:, :1].expand(-1, 32))
    assert measured(model, data)[0].estimate.value == pytest.approx(1, abs=1e-3)


def test_batches_do_not_matter(monkeypatch):
    whole, _ = measured(tiny_classifier(), rows(40, seed=2))
    monkeypatch.setattr(stream, "BATCH_SIZE", 3)
    again, _ = measured(tiny_classifier(), rows(40, seed=2))
    assert again.estimate.value == pytest.approx(whole.estimate.value, rel=1e-4)
    assert again.estimate.interval() == pytest.approx(whole.estimate.interval(), rel=1e-3)


def test_dead_neurons_alone_have_none():
    model = tiny_classifier()
    with torch.no_grad():
        model.backbone.blocks[0].mlp.W_in.zero_()
        model.backbone.blocks[0].mlp.b_in.fill_(-1.0)
    assert measured(model, rows(40, seed=2))[0].to_dict()["value"] is None
