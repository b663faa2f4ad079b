"""A neuron head is trained alone on its encoder, and then everything, in one run."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from safr_lens import SafrPenalty, TrainConfig, train
from safr_lens.errors import ConfigError
from safr_lens.training import encoder_vectors
from safr_lens.training.optimizer import make_optimizer, set_learning_rates
from tests.backbones import toy_encoder  # noqa: F401  (registers a head)
from tests.training.corpus import sentiment_data, tiny_classifier
from tests.training.test_encoder_vectors import PENALTY, VMASKED, head, partly_frozen
from tests.two_processes import run_in_two_processes

CONFIG = TrainConfig(
    epochs=2,
    head_epochs=2,
    batch_size=16,
    learning_rate=0.01,
    backbone_learning_rate=0.001,
    warmup=0.25,
    weight_decay=0.1,
    average_weights=False,
)


IN_A_PROCESS = """
import json, os, sys
from pathlib import Path

from safr_lens import train
from tests.training.corpus import sentiment_data
from tests.training.test_phases import CONFIG, PENALTY, trained_head

found = train(trained_head(), sentiment_data(), CONFIG, penalty=PENALTY, vectors_folder=sys.argv[1], progress=False)
losses = [[record.validation_loss, *record.terms.values()] for record in found.history]
Path(sys.argv[1], os.environ["RANK"]).write_text(json.dumps(losses))
"""


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Nothing is written to the home of whoever runs the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def trained_head(**sizes):
    return head(**{"freeze": "none", "dropout": 0.0, **sizes})


def states_of_epochs(monkeypatch) -> list[dict[str, torch.Tensor]]:
    """Return a list that gets the weights of a written run's model after each epoch."""
    states = []

    def keep(self, records, model, *args):
        states.append({name: tensor.clone() for name, tensor in model.state_dict().items()})

    monkeypatch.setattr("safr_lens.training.loop.RunFolder.keep", keep)
    return states


@pytest.mark.parametrize(
    ("sizes", "penalty"),
    [({}, PENALTY), ({"dropout": 0.1}, PENALTY), ({"d_vmask": 8}, VMASKED)],
    ids=["kept", "dropout", "VMASK"],
)
def test_the_encoder_stays_as_it_is_while_the_head_is_trained(tmp_path, monkeypatch, sizes, penalty):
    model, states = trained_head(**sizes), states_of_epochs(monkeypatch)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = train(model, sentiment_data(), CONFIG, penalty=penalty, out=tmp_path / "run", progress=False)
    for epoch, (before, after) in enumerate(zip([start, *states], states, strict=False), start=1):
        changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
        trained = {name for name, _ in model.named_parameters() if epoch > 2 or "encoder" not in name}
        assert changed == trained
    assert [record.epoch for record in found.history] == [1, 2, 3, 4]
    assert found.metrics["best_epoch"] > 2, "a run that is to train its encoder keeps no epoch in which it did not"
    assert all(weight.requires_grad for weight in model.parameters())


def test_the_head_alone_learns_what_it_learns_on_a_frozen_encoder(monkeypatch, tmp_path):
    data, states = sentiment_data(), states_of_epochs(monkeypatch)
    train(trained_head(), data, CONFIG, penalty=PENALTY, out=tmp_path / "both", progress=False)
    frozen = dataclasses.replace(CONFIG, head_epochs=0, warmup=None)
    train(head(dropout=0.0), data, frozen, penalty=PENALTY, out=tmp_path / "head", progress=False)
    for one, other in zip(states[:2], states[4:], strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_encoder_runs_once_over_the_data_before_it_is_trained(monkeypatch):
    runs, model = [], trained_head()
    monkeypatch.setattr(
        "safr_lens.training.loop.TrainProgress.epoch", lambda *args: runs.append(model.backbone.encoder.runs)
    )
    train(model, sentiment_data(), CONFIG, penalty=PENALTY, progress=False)
    assert 0 < runs[0] == runs[1] < runs[2] < runs[3]
    again = trained_head()
    train(again, sentiment_data(), dataclasses.replace(CONFIG, epochs=1), penalty=PENALTY, progress=False)
    assert again.backbone.encoder.runs < model.backbone.encoder.runs - runs[0], "its outputs were found again"


def test_what_is_kept_is_that_of_a_frozen_encoder_and_changes_nothing(monkeypatch, tmp_path):
    models = []
    for kept in (True, False):
        models.append(partly_frozen("bert", "neuron_head"))
        if not kept:
            monkeypatch.setattr(encoder_vectors, "kept_part", lambda *args, **kwargs: None)
        train(models[-1], sentiment_data(), CONFIG, penalty=PENALTY, vectors_folder=tmp_path, progress=False)
    texts = sentiment_data()["test"]["text"][:]
    torch.testing.assert_close(models[0](texts).logits, models[1](texts).logits, atol=2e-3, rtol=1e-3)
    assert len(list(tmp_path.iterdir())) == 6, "token vectors for the head alone, then outputs of the lower block"


@pytest.mark.parametrize("stopped_after", [1, 2, 3])
def test_a_resumed_training_ends_as_the_uninterrupted_one(tmp_path, stopped_after):
    whole = train(partly_frozen("bert", "neuron_head"), sentiment_data(), CONFIG, penalty=PENALTY, progress=False)
    epochs: list[int] = []

    def stop(self, *args, _keep=train.__globals__["RunFolder"].keep, **kwargs):
        _keep(self, *args, **kwargs)
        epochs.append(1)
        if len(epochs) == stopped_after:
            raise KeyboardInterrupt

    def call(**options):
        model = partly_frozen("bert", "neuron_head")
        return train(model, sentiment_data(), CONFIG, penalty=PENALTY, out=tmp_path / "run", progress=False, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("safr_lens.training.loop.RunFolder.keep", stop)
        with pytest.raises(KeyboardInterrupt):
            call()
    resumed = call(resume=True)
    assert len(resumed.history) == 4
    for name, tensor in resumed.model.state_dict().items():
        assert torch.equal(tensor, whole.model.state_dict()[name])


@pytest.mark.parametrize(("epoch", "share"), [(0.0, 1.0), (1.9, 1.0), (2.0, 0.0), (2.25, 0.5), (2.5, 1.0), (4.0, 0.0)])
def test_learning_rates_warm_up_when_the_encoder_is_trained(epoch, share):
    optimizer = make_optimizer(trained_head(), CONFIG)
    set_learning_rates(optimizer, CONFIG, epoch=epoch)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01 * share, 0.001 * share])


def test_progress_says_which_phase_it_is(capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    train(trained_head(), sentiment_data(), CONFIG, penalty=PENALTY, title="tuned")
    lines = [line.strip() for line in capfd.readouterr().err.splitlines() if "validation accuracy" in line]
    shown = [line.split("  epoch")[0] for line in lines]
    assert shown == ["tuned, head alone", "tuned, head alone", "tuned", "tuned"]


def test_epochs_of_the_head_alone_need_one_and_an_encoder_and_the_advice_works(tmp_path):
    config = TrainConfig(epochs=1, head_epochs=1)
    for model in (tiny_classifier(), head(freeze="all"), partly_frozen("bert", "neurons")):
        with pytest.raises(ConfigError, match=r'head_epochs is for a neuron head.*Leave it out.*freeze="none"'):
            train(model, sentiment_data(), config, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
    none = SafrPenalty(site="none", information_weight=0.0)
    assert len(train(trained_head(), sentiment_data(), config, penalty=none, progress=False).history) == 2
    with pytest.raises(ConfigError, match="head_epochs must be a whole number"):
        TrainConfig(head_epochs=0.5)


def test_two_processes_learn_what_one_does_that_accumulates_two_batches(tmp_path):
    run_in_two_processes(IN_A_PROCESS, tmp_path)
    config = dataclasses.replace(CONFIG, gradient_accumulation_steps=2)
    alone = train(trained_head(), sentiment_data(), config, penalty=PENALTY, vectors_folder=tmp_path, progress=False)
    for rank in ("0", "1"):
        for found, record in zip(json.loads((tmp_path / rank).read_text()), alone.history, strict=True):
            assert found == pytest.approx([record.validation_loss, *record.terms.values()], abs=1e-4)
