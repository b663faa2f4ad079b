"""Training under two real processes: what one process learns, written once; resumed, and stopped, together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from safr_lens import HookedClassifier, SafrPenalty, TextData, TrainConfig, train
from safr_lens.errors import CheckpointError
from tests.training.corpus import sentiment_data, tiny_classifier
from tests.two_processes import run_in_two_processes

SCRIPT = '''
"""Train in this process's share, and note what this process made of it."""

import json
import os
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from safr_lens import train
from safr_lens.data import tokenized
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.errors import TrainingError
from safr_lens.training import loop, progress
from tests.training.corpus import tiny_classifier
from tests.training.test_accelerate_two_processes import DATA, settings, streamed

folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
run = folder / "run"
written, steps, noting = [], [], True


def note_writing(event, args):
    target = args[1] if event == "os.rename" else args[0] if event in ("open", "os.mkdir") else None
    reading = event == "open" and not (args[2] & (os.O_WRONLY | os.O_RDWR))
    if isinstance(target, (str, Path)) and not reading and str(target).startswith(str(run)):
        written.append(str(Path(target).relative_to(run)))


sys.addaudithook(note_writing)
original, finished_epoch = loop.batch_terms, progress.TrainProgress.epoch


def noted_terms(forward, batch, *args, **kwargs):
    steps.append(batch.example.tolist())
    return original(forward, batch, *args, **kwargs)


def interrupt(*args):
    raise KeyboardInterrupt


def not_a_number(*args, **kwargs):
    terms = original(*args, **kwargs)
    return {**terms, "importance": terms["importance"] * torch.nan}


loop.batch_terms = noted_terms
result = train(tiny_classifier(), DATA, **settings(), out=run)
loop.batch_terms = original
save_file({n: t.contiguous() for n, t in result.model.state_dict().items()}, folder / f"{rank}.safetensors")

progress.TrainProgress.epoch = interrupt
try:
    train(tiny_classifier(), DATA, **settings(), out=folder / "stopped")
except KeyboardInterrupt:
    pass
progress.TrainProgress.epoch = finished_epoch
torch.distributed.barrier()
if rank == 0:
    shutil.copytree(folder / "stopped", folder / "unfinished")
torch.distributed.barrier()
resumed = train(tiny_classifier(), DATA, **settings(), out=folder / "stopped", resume=True)
same = {n: torch.equal(t, result.model.state_dict()[n]) for n, t in resumed.model.state_dict().items()}

tokenised = []
all_ids, shared_ids = TextTokenizer.all_ids, tokenized._shared_ids


def noted_ids(texts, tokenizer):  # word vectors and unknown tokens have their own reading of texts
    TextTokenizer.all_ids = lambda self, own: tokenised.extend(own) or all_ids(self, own)
    ids = shared_ids(texts, tokenizer)
    TextTokenizer.all_ids = all_ids
    return ids


tokenized._shared_ids = noted_ids
of_stream = train(tiny_classifier(), streamed(DATA), **settings(epochs=2))
tokenized._shared_ids = shared_ids

if rank == 1:
    loop.batch_terms = not_a_number
try:
    train(tiny_classifier(), DATA, **settings())
    stopped = None
except TrainingError as error:
    stopped = str(error)

noted = {
    "written": written,
    "steps": steps,
    "processes": int(os.environ["WORLD_SIZE"]),
    "metrics": {**result.metrics, "seconds": None},
    "history": [{**vars(record), "seconds": None} for record in result.history],
    "streamed": [record.terms for record in of_stream.history],
    "tokenised": tokenised,
    "resumed": all(same.values()),
    "stopped": stopped,
}
(folder / f"{rank}.json").write_text(json.dumps(noted))
'''

DATA = sentiment_data(n_train=36)  # five batches, of which one is short: a process has none in the last step


def settings(**changes) -> dict:
    config = TrainConfig(**{"epochs": 3, "patience": 3, "batch_size": 8, "learning_rate": 1e-2} | changes)
    return {"config": config, "penalty": SafrPenalty(), "progress": False}


def streamed(data: TextData) -> TextData:
    return replace(data, splits={name: split.to_iterable_dataset() for name, split in data.items()})


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


def test_two_processes_learn_what_one_does_that_accumulates_two_batches(noted):
    alone = train(tiny_classifier(), DATA, **settings(gradient_accumulation_steps=2))
    for found, expected in zip(noted[0]["history"], alone.history, strict=True):
        assert found["terms"] == pytest.approx(expected.terms, abs=1e-4)
        assert found["validation_loss"] == pytest.approx(expected.validation_loss, abs=1e-4)
        assert found["steps"] == expected.steps == 5
    # not weight by weight: Adam makes steps of the rounding errors of weights without effect, such as keys' biases
    assert noted[0]["metrics"]["test"] == pytest.approx(alone.metrics["test"], abs=1e-4)


def test_two_processes_learn_the_same_from_a_stream_of_which_each_tokenises_half(noted):
    alone = train(tiny_classifier(), streamed(DATA), **settings(epochs=2, gradient_accumulation_steps=2))
    for one in noted:
        for found, expected in zip(one["streamed"], alone.history, strict=True):
            assert found == pytest.approx(expected.terms, abs=1e-4)
    for process, one in enumerate(noted):
        halves = [split["text"][process::2] for split in DATA.values()]
        assert one["tokenised"] == [text for half in halves for text in half]


def test_all_batches_are_trained_on_and_none_by_two_processes(noted):
    """The second process, which has no batch in the last step, waits with the first one's, at weight 0."""
    first, second = (one["steps"] for one in noted)
    assert [one["processes"] for one in noted] == [2, 2]
    assert len(first) == len(second) == 9
    for epoch in range(3):
        ours, theirs = first[3 * epoch : 3 * epoch + 3], second[3 * epoch : 3 * epoch + 3]
        assert ours[2] == theirs[2]
        assert sorted(text for texts in ours + theirs[:2] for text in texts) == list(range(36))
    assert {len(ours) - len(theirs) for ours, theirs in zip(first, second, strict=True)} - {0}, "unequal batches"


def test_only_the_main_process_writes(noted):
    main, other = (set(one["written"]) for one in noted)
    assert {"metrics.json", "history.jsonl", "model.safetensors", "config.json", "tokenizer.json"} <= main
    assert other == set()


def test_both_processes_report_the_same_metrics(noted):
    assert noted[0]["metrics"] == noted[1]["metrics"]
    assert noted[0]["history"] == noted[1]["history"]


def test_a_resumed_training_ends_as_an_uninterrupted_one(noted):
    assert [one["resumed"] for one in noted] == [True, True]


def test_a_training_is_resumed_in_as_many_processes(launched):
    with pytest.raises(CheckpointError, match="processes was 2, now 1"):
        train(tiny_classifier(), DATA, **settings(), out=launched / "unfinished", resume=True)


def test_a_term_that_is_nan_in_one_process_stops_both_with_one_message(noted):
    first, second = (one["stopped"] for one in noted)
    assert first == second
    assert "nan in epoch 1" in first


def test_the_written_run_is_the_trained_model(launched, noted):
    loaded = HookedClassifier.from_pretrained(launched / "run").state_dict()
    trained = load_file(launched / "0.safetensors")
    assert all(torch.equal(value, loaded[name]) for name, value in trained.items())
    written = json.loads((launched / "run" / "metrics.json").read_text())
    assert {**written, "seconds": None} == noted[0]["metrics"]
