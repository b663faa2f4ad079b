"""A head is trained from kept token vectors: the encoder runs once over the data, and the result is the same."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file

from safr_lens import HookedClassifier, SafrPenalty, TrainConfig, evaluate, train
from safr_lens.errors import ConfigError
from safr_lens.runs.settings import make_settings
from safr_lens.training import encoder_vectors
from tests.backbones import toy_encoder  # noqa: F401  (registers a head)
from tests.training.corpus import sentiment_data, tiny_classifier

CONFIG = TrainConfig(epochs=3, learning_rate=0.02)
PENALTY = SafrPenalty(information_weight=0.0, word_threshold=0.4)


def head(**sizes) -> HookedClassifier:
    return tiny_classifier(backbone="toy_head", encoder={"kind": "toy"}, **{"d_vmask": 0, "freeze": "all", **sizes})


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Nothing is written to the home of whoever runs the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_encoder_runs_once_over_the_data_and_the_result_is_that_of_running_it(tmp_path, monkeypatch):
    data, model = sentiment_data(), head()
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = train(model, data, CONFIG, penalty=PENALTY, vectors_folder=tmp_path / "kept", progress=False)
    n_texts = sum(len(split) for split in data.values())
    assert 0 < model.backbone.encoder.runs <= n_texts
    assert any((tmp_path / "kept").iterdir()) and not (tmp_path / "cache").exists()
    monkeypatch.setattr(encoder_vectors, "reads_kept_vectors", lambda *args: False)
    slow = train(head(), data, CONFIG, penalty=PENALTY, progress=False)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, slow.model.state_dict()[name], atol=1e-4, rtol=1e-3)
        assert torch.equal(tensor, start[name]) == name.startswith("backbone.encoder.")
    assert found.metrics["test"]["accuracy"] == slow.metrics["test"]["accuracy"]
    assert evaluate(model, data["test"]).accuracy == found.metrics["test"]["accuracy"] > 0.8


def test_a_second_training_runs_the_encoder_over_nothing():
    data = sentiment_data()
    train(head(), data, CONFIG, penalty=PENALTY, progress=False)
    model = head(seed=0)
    train(model, data, CONFIG, penalty=SafrPenalty(site="none", information_weight=0.0), progress=False)
    assert model.backbone.encoder.runs == 0


def test_the_run_is_whole_and_says_where_its_word_vectors_come_from(tmp_path):
    data = sentiment_data()
    found = train(head(), data, CONFIG, penalty=PENALTY, out=tmp_path / "run", progress=False)
    again = HookedClassifier.from_pretrained(tmp_path / "run")
    assert torch.equal(again("a dull film").logits, found.model("a dull film").logits)
    assert found.metrics["word_vectors"] == "the encoder's token embeddings"


def test_a_resumed_training_ends_as_the_uninterrupted_one(tmp_path):
    data, penalty = sentiment_data(), PENALTY
    whole = train(head(), data, CONFIG, penalty=penalty, progress=False)
    short = dataclasses.replace(CONFIG, epochs=1)

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("safr_lens.training.loop.Trainer.finish", stop)
        with pytest.raises(KeyboardInterrupt):
            train(head(), data, short, penalty=penalty, out=tmp_path / "run", progress=False)
    [state] = (tmp_path / "run" / "resume").glob("*.safetensors")
    assert not any("encoder" in name for name in load_file(state))
    resumed = train(head(), data, CONFIG, penalty=penalty, out=tmp_path / "run", resume=True, progress=False)
    for name, tensor in resumed.model.state_dict().items():
        assert torch.equal(tensor, whole.model.state_dict()[name])


@pytest.mark.parametrize(
    ("sizes", "penalty"),
    [
        ({"freeze": "none"}, PENALTY),
        ({"freeze": 1}, PENALTY),
        ({}, SafrPenalty.preset("attention", information_weight=0.0)),
    ],
    ids=["trained", "partly trained", "attention"],
)
def test_the_encoder_runs_where_a_training_needs_it(tmp_path, sizes, penalty):
    model = head(**sizes)
    assert not encoder_vectors.reads_kept_vectors(model, sentiment_data(), penalty)
    start = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train(model, sentiment_data(), dataclasses.replace(CONFIG, epochs=1), penalty=penalty, progress=False)
    same = {name for name, tensor in model.state_dict().items() if torch.equal(tensor, start[name])}
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert same == frozen and not (tmp_path / "cache").exists()


def test_a_users_hook_in_the_encoder_is_not_passed_over():
    model = head()
    assert encoder_vectors.reads_kept_vectors(model, sentiment_data(), PENALTY)
    with model.hooks(fwd_hooks=[("layers.0.residual", lambda value, hook: 0 * value)]):
        assert not encoder_vectors.reads_kept_vectors(model, sentiment_data(), PENALTY)


def test_a_pretrained_embedding_does_not_start_from_words():
    with pytest.raises(ConfigError, match="embedding_start"):
        train(head(), sentiment_data(), TrainConfig(embedding_start="words"), progress=False)


@pytest.mark.parametrize("d_vmask", [0, 8])
def test_the_default_penalty_is_that_of_the_command(d_vmask):
    found = train(head(d_vmask=d_vmask), sentiment_data(), TrainConfig(epochs=1), progress=False)
    settings = make_settings({"backbone": "some/encoder", "d_vmask": d_vmask})
    assert found.metrics["settings"]["penalty"] == json.loads(json.dumps(settings.penalty.to_dict()))


def test_kept_vectors_are_of_single_precision_whatever_the_training_is(tmp_path):
    data, files = sentiment_data(), []
    for precision in ("no", "bf16"):
        config, kept = dataclasses.replace(CONFIG, mixed_precision=precision), tmp_path / precision
        found = train(head(), data, config, penalty=PENALTY, vectors_folder=kept, progress=False)
        assert {weight.dtype for weight in found.model.parameters()} == {torch.float32}
        assert all(torch.tensor(list(record.terms.values())).isfinite().all() for record in found.history)
        files.append({path.relative_to(kept): load_file(path) for path in sorted(kept.rglob("*.safetensors"))})
    single, lower = files
    assert single.keys() == lower.keys() and single
    for name, tensors in single.items():
        assert tensors[head().adapter.token_vectors].dtype == torch.float32
        assert all(torch.equal(tensor, lower[name][key]) for key, tensor in tensors.items())
