"""A backbone from outside the package works wherever the first one does."""

from __future__ import annotations

import pytest
import torch

from safr_lens import (
    HookedClassifier,
    SafrPenalty,
    TrainConfig,
    ablate,
    analyze,
    load_activations,
    neuron_table,
    pair_table,
    report,
    save_activations,
    token_table,
    top_activations,
    train,
)
from tests.backbones import toy
from tests.training.corpus import LABELS, sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=300)
TEXT = "the film is great"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "toy"


@pytest.fixture(scope="module")
def trained(run):
    model = tiny_classifier(backbone="toy", n_layers=2)
    train(model, DATA, TrainConfig(epochs=8, batch_size=8, learning_rate=3e-3), out=run, progress=False)
    return model


@pytest.mark.parametrize("preset", ["light", "attention", "release"])
def test_every_kind_of_penalty_trains_it(preset):
    model = tiny_classifier(backbone="toy", n_layers=2)
    before = {name: value.clone() for name, value in model.backbone.state_dict().items()}
    history = train(model, DATA, TrainConfig(epochs=1), penalty=SafrPenalty.preset(preset), progress=False).history
    assert all(not torch.equal(value, before[name]) for name, value in model.backbone.state_dict().items())
    assert {"importance", "interaction", "information"} <= set(history[-1].terms)


def test_it_learns_and_is_loaded_from_its_run(trained, run):
    again = HookedClassifier.from_pretrained(run)
    assert type(again.adapter) is toy.ToyAdapter
    assert torch.equal(again(TEXT).logits, trained(TEXT).logits)
    right = [int(trained(row["text"]).logits.argmax()) == row["label"] for row in DATA["test"]]
    assert sum(right) / len(right) > 0.9


@pytest.mark.parametrize("readout", ["neurons", "residual"])
def test_its_logits_are_an_exact_sum(make_model, readout):
    parts = make_model(readout, n_layers=2, backbone="toy").decompose("the acting is warm")
    torch.testing.assert_close(parts.total(), parts.logits, atol=1e-4, rtol=0)
    others = {"words", "looking around, layer 0", "thinking, layer 0", "looking around, layer 1"}
    biases = {"output bias of the MLP", "biases of readout and final LayerNorm"}
    assert set(parts.other_names.values()) == (biases if readout == "neurons" else biases | others)
    assert set(parts.other_names) == set(parts.others)


def test_tables_and_the_analysis_know_its_neurons(trained):
    assert len(neuron_table(trained, DATA["test"])) == 32
    assert "monosemanticity" in analyze(trained, DATA["test"], faithfulness_texts=4).neurons
    assert list(token_table(trained, TEXT)["token"]) == TEXT.split()
    assert len(pair_table(trained, TEXT)) > 0
    assert len(top_activations(trained, DATA["test"], 0)) > 0


def test_ablating_its_neurons_leaves_what_else_is_read_out(trained):
    with ablate(trained, range(32)):
        one, other = trained(TEXT).token_logits, trained("boring").token_logits
    torch.testing.assert_close(one[0, :1], other[0, :1])


def test_its_activations_are_stored_pairs_too(trained, tmp_path):
    names = ["layers.0.pattern", "layers.1.neurons", "hook_pooled"]
    save_activations(trained, DATA["test"], names, tmp_path)
    for batch in load_activations(tmp_path):
        for text in batch.texts():
            n = len(text.tokens)
            assert text.activations["layers.0.pattern"].shape == (1, n, n)
            assert text.activations["layers.1.neurons"].shape == (n, 32)
            assert text.activations["hook_pooled"].shape == (2,)


def test_the_report_shows_it(trained, run, tmp_path):
    file = tmp_path / "test.csv"
    file.write_text("text,label\n" + "".join(f"{row['text']},{LABELS[row['label']]}\n" for row in DATA["test"]))
    report(run, data=str(file), out=tmp_path / "report.html", faithfulness_texts=4)
    assert "backbone toy" in (tmp_path / "report.html").read_text(encoding="utf-8")
