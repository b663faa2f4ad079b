"""What an earlier version left of a training that was killed early starts anew; a foreign model is left alone."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from safr_lens import SafrPenalty, TrainConfig, train
from safr_lens.errors import CheckpointError
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=32, n_other=8)
WRITTEN = ("model.safetensors", "tokenizer.json", "config.json")  # in the order of earlier versions


def fit(out, **options):
    config = TrainConfig(epochs=1, batch_size=8)
    return train(tiny_classifier(), DATA, config, penalty=SafrPenalty(site="none"), out=out, progress=False, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("begun") / "run"
    fit(folder)
    return folder


def killed(whole, folder, n_files):
    folder.mkdir()
    for name in WRITTEN[:n_files]:
        shutil.copy(whole / name, folder / name)
    return folder


@pytest.mark.parametrize("n_files", [1, 2, 3])
def test_a_training_killed_before_its_first_state_starts_anew(whole, tmp_path, n_files):
    folder = killed(whole, tmp_path / "run", n_files)
    with pytest.raises(CheckpointError, match="something else"):
        fit(folder)  # nobody said that it is to be resumed
    fit(folder, resume=True)
    weights, again = (load_file(one / "model.safetensors") for one in (whole, folder))
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in whole.iterdir())


def other_config(folder):
    config = json.loads((folder / "config.json").read_text())
    config["labels"] = config["labels"][::-1]
    (folder / "config.json").write_text(json.dumps(config))


def other_words(folder):
    text = (folder / "tokenizer.json").read_text()
    assert '"film"' in text
    (folder / "tokenizer.json").write_text(text.replace('"film"', '"movie"'))


def other_shapes(folder):
    save_file({"weight": torch.zeros(2)}, folder / "model.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        other_config,
        other_words,
        other_shapes,
        lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 40),
        lambda folder: (folder / "config.json").write_text("[1]"),
        lambda folder: (folder / "history.jsonl").write_text("{}"),
        lambda folder: tiny_classifier().save_pretrained(folder),
    ],
)
def test_a_foreign_model_is_left_alone(whole, tmp_path, change):
    folder = killed(whole, tmp_path / "run", 3)
    change(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(CheckpointError, match="something else"):
        fit(folder, resume=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
