"""Which neurons serve which token, and the table that compares models."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from safr_lens.measures import NeuronSummary
from safr_lens.measures.serving import margin, serving
from safr_lens.views.comparison import Measured, comparison, warnings
from safr_lens.views.prediction import explain

SUMMARY = NeuronSummary(
    capacity=0.1,
    token_selectivity=0.1,
    token_selectivity_null=0.05,
    active_per_token=10.0,
    silent_tokens=0.0,
    alive_neurons=32,
    d_mlp=32,
    n_tokens=100,
    n_undefined=0,
)


def measured(name="model", *, lost=0.3, carried=True, **changes) -> Measured:
    loss = {"accuracy_lost": lost, "loss_gained": 0.1}
    metrics = {
        "test": {"accuracy": 0.8, "majority_class": 0.5},
        "reliance": {"zero": loss, "mean": loss, "carried": carried},
    }
    return Measured(name, metrics, dataclasses.replace(SUMMARY, **changes))


def test_shares_of_a_token_sum_to_one(model):
    served = serving(model.decompose("a gripping , funny film"))
    torch.testing.assert_close(served.share.sum(1), torch.ones(5))


def test_evidence_and_biases_add_up_to_the_margin(model):
    parts = model.decompose("a gripping , funny film")
    predicted = int(parts.logits.argmax())
    rest = margin(torch.stack(list(parts.others.values())).sum((0, 1)), predicted)
    total = serving(parts).evidence.sum() + rest
    torch.testing.assert_close(total, margin(parts.logits, predicted), atol=1e-4, rtol=0)


def test_neurons_for_half_counts_the_fewest(model):
    served = serving(model.decompose("a gripping , funny film"))
    for row, count in zip(served.share, served.neurons_for_half(), strict=True):
        largest = row.sort(descending=True).values
        assert largest[:count].sum() >= 0.5 - 1e-6
        assert largest[: count - 1].sum() < 0.5


def test_a_silent_token_needs_no_neuron(model):
    parts = model.decompose("a dull film")
    silent = dataclasses.replace(parts, neurons=torch.zeros_like(parts.neurons))
    assert serving(silent).neurons_for_half() == [0, 0, 0]
    assert not serving(silent).share.isnan().any()


def test_margin_compares_with_the_mean_of_the_others():
    assert margin(torch.tensor([3.0, 1.0, 2.0]), 0).item() == pytest.approx(1.5)


def test_explain_names_the_predicted_class(model):
    answer = explain(model, "a gripping , funny film", top=50)
    assert answer["probability"] == max(answer["probabilities"].values())
    assert sum(answer["probabilities"].values()) == pytest.approx(1.0)
    assert len(answer["tokens"]) == 5


def test_comparison_has_a_value_for_each_model():
    for row in comparison([measured("a"), measured("b", capacity=0.3)]):
        assert len(row.values) == 2
    by_name = {row.name: row for row in comparison([measured("a"), measured("b", capacity=0.3)])}
    assert by_name["capacity"].change == "× 3.00"


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (measured("b", lost=0.0, carried=False), "do not carry"),
        (measured("b", silent_tokens=0.5), "50 % of the tokens have no active neuron"),
        (measured("b", alive_neurons=3), "only 3 of 32"),
        (measured("b", token_selectivity=0.9, token_selectivity_null=0.85), "fire more rarely"),
    ],
)
def test_what_a_reader_must_know_is_said(second, words):
    assert any(words in warning for warning in warnings([measured("a"), second]))


def test_nothing_is_said_where_all_is_well():
    assert warnings([measured("a"), measured("b", token_selectivity=0.5)]) == []
