"""Name fidelity of models, from their statistics: halves, weights, and what is left out."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from safr_lens import analyze, neuron_table
from safr_lens.activations import stream
from safr_lens.measures import Inputs, collect_statistics, measurements
from safr_lens.measures.entries.name_fidelity import tested_names as names_of
from safr_lens.measures.formulas.name_fidelity import NameFidelity, name_fidelity
from tests.training.corpus import rows, tiny_classifier

NAMES = ("name_fidelity", "name_fidelity_by_effect", "names_that_hold")


def fidelity(inputs):
    return names_of(inputs)(None)


@pytest.fixture(scope="module")
def measured():
    model, data = tiny_classifier(), rows(120, seed=2)
    vectors = torch.randn(model.tokenizer.d_vocab, 6, generator=torch.Generator().manual_seed(0))
    statistics = collect_statistics(model, data)
    return model, data, vectors, Inputs(statistics, vectors)


def test_one_half_names_and_the_other_tests(measured):
    _model, _data, vectors, inputs = measured
    types, halves = inputs.statistics.types, []
    for half in (0, 1):
        sizes = types.sizes[half::2].sum(0)
        means = (types.sums[half::2].sum(0) / sizes.unsqueeze(1)).float()
        means[sizes < 3] = torch.nan
        halves.append(means)
    parts = [name_fidelity(halves[i], halves[1 - i], vectors[types.types]) for i in (0, 1)]
    torch.testing.assert_close(fidelity(inputs).auc, NameFidelity.mean(parts).auc, equal_nan=True)


def test_measures_are_means_over_neurons_plain_and_by_effect(measured):
    inputs, found = measured[3], measurements(measured[3])
    of_neurons = fidelity(inputs)
    known = of_neurons.auc.isfinite() & of_neurons.null.isfinite()
    weight = inputs.statistics.ablation.loss_gained.abs()[known].double()
    auc, above = of_neurons.auc[known], (of_neurons.auc - of_neurons.null)[known]
    assert found["name_fidelity"].estimate.value == pytest.approx(auc.mean().item(), abs=1e-6)
    assert found["name_fidelity"].above.value == pytest.approx(above.mean().item(), abs=1e-6)
    weighted = ((above * weight).sum() / weight.sum()).item()
    assert found["name_fidelity_by_effect"].above.value == pytest.approx(weighted, abs=1e-6)
    held = of_neurons.holds[known].float().mean().item()
    assert found["names_that_hold"].estimate.value == pytest.approx(held, abs=1e-6)
    for name in NAMES:
        low, high = found[name].above.interval()
        assert low <= found[name].above.value <= high


def test_it_stands_in_the_neuron_table_beside_the_name(measured):
    model, data, vectors, inputs = measured
    table, found = neuron_table(model, data, embeddings=vectors), fidelity(inputs)
    assert {"name_fidelity", "name_fidelity_null", "name_fidelity_above", "name_holds", "top_words"} <= set(table)
    assert table["name_holds"].dtype == bool
    analysed = analyze(model, data, embeddings=vectors, at_init=False, faithfulness_texts=0).neurons
    assert analysed["name_fidelity"].to_numpy() == pytest.approx(found.auc.numpy(), nan_ok=True)
    assert analysed["name_holds"].tolist() == found.holds.tolist()


def test_batches_do_not_matter(measured, monkeypatch):
    model, data, vectors, inputs = measured
    monkeypatch.setattr(stream, "BATCH_SIZE", 3)
    again = fidelity(Inputs(collect_statistics(model, data), vectors))
    torch.testing.assert_close(again.auc, fidelity(inputs).auc, equal_nan=True)


def test_without_vectors_or_a_second_text_it_is_left_out():
    model = tiny_classifier()
    found = measurements(Inputs(collect_statistics(model, rows(40, seed=2))))
    assert not set(NAMES) & set(found)
    one = collect_statistics(model, rows(1, seed=2), min_count=1)
    assert not set(NAMES) & set(measurements(Inputs(one, torch.randn(model.tokenizer.d_vocab, 4))))


def test_without_the_effect_of_neurons_only_the_weighted_mean_is_left_out(measured):
    model, data, vectors, _ = measured
    found = measurements(Inputs(collect_statistics(model, [row["text"] for row in data]), vectors))
    assert set(NAMES) - set(found) == {"name_fidelity_by_effect"}


def test_what_was_measured_is_freed_without_the_garbage_collector(measured):
    model, data, vectors, _inputs = measured
    gc.disable()
    try:
        inputs = Inputs(collect_statistics(model, data), vectors)
        measurements(inputs)
        types = weakref.ref(inputs.statistics.types)
        del inputs
        assert types() is None
    finally:
        gc.enable()
