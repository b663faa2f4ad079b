"""What meets NaN says so instead of giving a number, and a training names the term and the batch that it came from."""

from __future__ import annotations

import pytest
import torch
from typer.testing import CliRunner

from safr_lens import (
    HookedClassifier,
    SafrPenalty,
    TrainConfig,
    ablate,
    analyze,
    evaluate,
    explain,
    neuron_table,
    pair_table,
    sparse_probe,
    token_table,
    top_activations,
    train,
    views,
)
from safr_lens.cli import app
from safr_lens.errors import NotFiniteError, TrainingError
from safr_lens.measures import faithfulness, reliance
from safr_lens.measures.statistics import collect_statistics
from safr_lens.neurons import ablation_effects
from safr_lens.penalty import Term, register_term, unregister_term
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=32, n_other=8)


def with_bad(model, name, value):
    dict(model.named_parameters())[name].data.view(-1)[0] = value
    return model


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_are_not_scored(value):
    model = tiny_classifier()
    model.adapter.embedding.data[:] = value
    with pytest.raises(NotFiniteError, match="the loss of texts are NaN or infinite"):
        evaluate(model, DATA["test"])
    with pytest.raises(NotFiniteError):
        analyze(model, DATA["test"], at_init=False, faithfulness_texts=0)


def test_a_neuron_that_is_no_number_is_named_by_its_hook_point():
    model = tiny_classifier()

    def spoil(value, hook):
        return value.index_fill(-1, torch.tensor([3]), float("nan"))

    name = model.adapter.readable_neurons(0)
    with model.hooks(fwd_hooks=[(name, spoil)]), pytest.raises(NotFiniteError, match=r"hook_post"):
        collect_statistics(model, DATA["test"])


SCORED = {
    "explain": lambda model: explain(model, "a dull film"),
    "token_table": lambda model: token_table(model, "a dull film"),
    "pair_table": lambda model: pair_table(model, "a dull film"),
    "view of a text": lambda model: views.contributions(model, "a dull film"),
    "evaluate": lambda model: evaluate(model, DATA["test"]),
    "neuron_table": lambda model: neuron_table(model, DATA["test"]),
    "view of a neuron": lambda model: views.neuron(model, DATA["test"], 3),
    "top_activations": lambda model: top_activations(model, DATA["test"], 3),
    "sparse_probe": lambda model: sparse_probe(model, DATA["test"], {"dull"}),
    "ablate": lambda model: ablate(model, 3, mode="mean", data=DATA["test"]).__enter__(),
    "ablation_effects": lambda model: ablation_effects(model, DATA["test"], [3]),
    "reliance": lambda model: reliance(model, DATA["test"]),
    "faithfulness": lambda model: faithfulness(model, DATA["test"], max_texts=4),
}


@pytest.mark.parametrize("how", ["changed in Python", "overflows"])
@pytest.mark.parametrize("name", SCORED)
def test_whatever_scores_a_model_says_that_its_activations_are_no_numbers(name, how):
    model = tiny_classifier()
    if how == "overflows":
        model.adapter.embedding.data[:] = 3e38
    else:
        model.adapter.w_in(0).data[:, 3] = float("nan")
    with pytest.raises(NotFiniteError, match="are NaN or infinite"):
        SCORED[name](model)


def test_predict_ends_with_one_message(tmp_path, monkeypatch):
    tiny_classifier().save_pretrained(tmp_path / "run")
    loaded = HookedClassifier.from_pretrained

    def overflowing(folder):
        model = loaded(folder)
        model.adapter.embedding.data[:] = 3e38
        return model

    monkeypatch.setattr(HookedClassifier, "from_pretrained", overflowing)
    result = CliRunner().invoke(app, ["predict", str(tmp_path / "run"), "a dull film"])
    assert result.exit_code == 2 and not result.stdout
    assert "are NaN or infinite" in result.stderr and "Traceback" not in result.stderr


class Spoiled(Term):
    """A term that is no number in the third batch."""

    name, sentence, needs = "spoiled", "Nothing.", ("neurons",)
    calls = 0

    def value(self, inputs):
        type(self).calls += 1
        return inputs.neurons.mean() * (float("nan") if self.calls >= 7 else 0.0)


def test_a_training_names_the_term_and_the_batch_and_keeps_the_last_checkpoint(tmp_path):
    register_term(Spoiled)
    try:
        penalty = SafrPenalty(site="none", spoiled_weight=1.0)
        config = TrainConfig(epochs=3, batch_size=8)
        with pytest.raises(TrainingError, match=r"loss became nan in epoch 2, batch 3 \(spoiled is nan\)"):
            train(tiny_classifier(), DATA, config, penalty=penalty, out=tmp_path / "run", progress=False)
    finally:
        unregister_term(Spoiled)
    kept = type(tiny_classifier()).from_pretrained(tmp_path / "run")
    assert 0 <= evaluate(kept, DATA["test"]).accuracy <= 1
