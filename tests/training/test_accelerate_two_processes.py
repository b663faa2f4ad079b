"""Training under two real processes: one result, written once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from safr_lens import HookedClassifier
from tests.training.corpus import tiny_classifier
from tests.two_processes import run_in_two_processes

SCRIPT = '''
"""Train in this process's share, and note what this process made of it."""

import json
import os
import sys
from pathlib import Path

from safetensors.torch import save_file

from safr_lens import SafrPenalty, TrainConfig, train
from safr_lens.training import loop
from tests.training.corpus import sentiment_data, tiny_classifier

folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
run = folder / "run"
written, examples = [], []


def note_writing(event, args):
    target = args[1] if event == "os.rename" else args[0] if event in ("open", "os.mkdir") else None
    reading = event == "open" and not (args[2] & (os.O_WRONLY | os.O_RDWR))
    if isinstance(target, (str, Path)) and not reading and str(target).startswith(str(run)):
        written.append(str(Path(target).relative_to(run)))


sys.addaudithook(note_writing)
original = loop.batch_terms


def noting(forward, batch, *args, **kwargs):
    examples.extend(batch.example.tolist())
    return original(forward, batch, *args, **kwargs)


loop.batch_terms = noting
config = TrainConfig(epochs=1, batch_size=8, learning_rate=1e-2)
data = sentiment_data(n_train=64)
result = train(tiny_classifier(), data, config, penalty=SafrPenalty(), out=run, progress=False)
save_file({n: t.contiguous() for n, t in result.model.state_dict().items()}, folder / f"{rank}.safetensors")
noted = {
    "written": written,
    "examples": examples,
    "processes": int(os.environ["WORLD_SIZE"]),
    "metrics": {**result.metrics, "seconds": None},
    "validation_loss": result.history[0].validation_loss,
}
(folder / f"{rank}.json").write_text(json.dumps(noted))
'''


@pytest.fixture(scope="module")
def launched(tmp_path_factory) -> Path:
    """The folder of a training that two processes ran together."""
    folder = tmp_path_factory.mktemp("two_processes")
    run_in_two_processes(SCRIPT, folder)
    return folder


@pytest.fixture(scope="module")
def noted(launched) -> list[dict]:
    return [json.loads((launched / f"{rank}.json").read_text()) for rank in (0, 1)]


def test_both_processes_end_with_the_same_trained_weights(launched):
    first, second = (load_file(launched / f"{rank}.safetensors") for rank in (0, 1))
    untrained = tiny_classifier().state_dict()
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert any(not torch.equal(value, untrained[name]) for name, value in first.items())


def test_each_process_trains_on_its_own_half_of_the_batches(noted):
    first, second = (set(one["examples"]) for one in noted)
    assert [one["processes"] for one in noted] == [2, 2]
    assert len(first) == len(second) == 32
    assert not first & second


def test_only_the_main_process_writes(noted):
    main, other = (set(one["written"]) for one in noted)
    assert {"metrics.json", "history.jsonl", "model.safetensors", "config.json", "tokenizer.json"} <= main
    assert other == set()


def test_both_processes_report_the_same_metrics(noted):
    assert noted[0]["metrics"] == noted[1]["metrics"]
    assert noted[0]["validation_loss"] == noted[1]["validation_loss"]


def test_the_written_run_is_the_trained_model(launched, noted):
    loaded = HookedClassifier.from_pretrained(launched / "run").state_dict()
    trained = load_file(launched / "0.safetensors")
    assert all(torch.equal(value, loaded[name]) for name, value in trained.items())
    written = json.loads((launched / "run" / "metrics.json").read_text())
    assert {**written, "seconds": None} == noted[0]["metrics"]
