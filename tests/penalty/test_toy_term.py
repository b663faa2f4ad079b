"""A term that is defined and registered outside the package works as those inside do."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import torch

from safr_lens import SafrPenalty, TrainConfig, train
from safr_lens.errors import ConfigError
from safr_lens.penalty import Term, register_term, registered_terms, unregister_term
from safr_lens.runs.settings import make_settings
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=32, n_other=8)


@dataclass(frozen=True)
class Square(Term):
    """Mean square of a layer's neurons, less a margin."""

    name = "square"
    sentence = "Neurons have small squares."
    needs = ("neurons",)

    margin: float = 0.0

    def value(self, inputs):
        return inputs.neurons[inputs.mask].square().mean() - self.margin


@pytest.fixture
def square():
    yield register_term(Square)
    unregister_term(Square)


def fit(penalty, **where):
    config = TrainConfig(epochs=2, batch_size=8, learning_rate=1e-2)
    return train(tiny_classifier(), DATA, config, penalty=penalty, progress=False, **where)


def test_it_is_in_the_history_and_its_weight_changes_what_is_learned(square, tmp_path):
    weak, strong = (SafrPenalty(site="none", square_weight=weight) for weight in (1e-9, 100.0))
    first, second = fit(weak), fit(strong, out=tmp_path / "run")
    assert list(second.history[0].terms) == ["cross_entropy", "information", "square"]
    assert second.history[-1].weights["square"] == 100.0
    assert second.history[-1].terms["square"] < 0.5 * first.history[-1].terms["square"]
    recorded = json.loads((tmp_path / "run" / "metrics.json").read_text())["settings"]["penalty"]
    assert SafrPenalty(**recorded) == strong
    assert json.loads((tmp_path / "run" / "history.jsonl").read_text().splitlines()[0])["terms"]["square"] > 0


def test_it_stands_beside_the_terms_of_a_site_and_is_absent_without_a_weight(square):
    assert list(SafrPenalty(square_weight=1.0).weights(0.0)) == ["information", "importance", "interaction", "square"]
    assert "square" not in SafrPenalty().weights(0.0)


def test_its_settings_are_settings_of_a_training(square, model, texts):
    values = {"site": "none", "square_weight": {"start": 0, "end": 2, "epochs": 1}, "margin": 0.5}
    penalty = make_settings(values).penalty
    assert penalty.weights(1.0)["square"] == 2.0
    output = model(list(texts), capture=penalty.hook_names(model.adapter))
    neurons = output.activations[model.adapter.neurons(model.adapter.n_layers - 1)][output.mask]
    torch.testing.assert_close(penalty.terms(output, model.adapter)["square"], neurons.square().mean() - 0.5)


def test_a_name_that_is_near_is_offered(square):
    with pytest.raises(ConfigError, match=r"'sqare_weight'.*Did you mean 'square_weight'"):
        SafrPenalty(sqare_weight=1.0)
    with pytest.raises(ConfigError, match=r"'sqare_weight'.*Did you mean 'square_weight'"):
        make_settings({"sqare_weight": 1.0})
    with pytest.raises(ConfigError, match="margin would be ignored: the term 'square' is not in use"):
        SafrPenalty(margin=0.5)


def test_it_is_unknown_where_it_is_not_registered():
    assert "square" not in {term.name for term in registered_terms()}
    with pytest.raises(ConfigError, match="Unknown setting 'square_weight'"):
        SafrPenalty(square_weight=1.0)
