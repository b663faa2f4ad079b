"""Metrics and history that are not what a run writes are refused by the place that differs, not by a traceback."""

from __future__ import annotations

import json
import os

import pytest

from safr_lens.errors import CheckpointError
from safr_lens.reporting.runs import load_run, run_metadata, training_curves
from safr_lens.runs.record import run_record
from tests.training.corpus import sentiment_data, tiny_classifier


@pytest.fixture
def run(tmp_path):
    from safr_lens import TrainConfig, train

    train(tiny_classifier(), sentiment_data(), TrainConfig(epochs=1), out=tmp_path / "run", progress=False)
    (tmp_path / "run" / "manifest.json").unlink()
    return tmp_path / "run"


def test_bad_metrics_and_histories(run):
    metrics = json.loads((run / "metrics.json").read_text())
    shown = load_run(run)
    assert shown.metrics == metrics  # what no schema names stays
    assert run_metadata(shown)["seed"] == "0"
    assert training_curves([shown])
    for name, said in {
        "[]": "the whole: input should be a valid dictionary",
        json.dumps(metrics | {"settings": 3}): "settings: input should be a valid dictionary",
        json.dumps(metrics | {"settings": metrics["settings"] | {"data": {}}}): "settings.data.source: field required",
        json.dumps(metrics | {"seed": "0"}): "seed: input should be a valid integer",
        json.dumps(metrics | {"label_mapping": {"train": ["a"]}}): "label_mapping.train: input should be a valid dict",
        json.dumps(metrics | {"data_origin": {"source": "x", "shell": "rm"}}): "data_origin.shell: extra inputs",
        "[" * 10**5: "nested more than 64 deep",
        "1" * 5000: "4300",
        '{"seed": 1, "seed": 2}': "'seed' is named twice",
    }.items():
        (run / "metrics.json").write_text(name)
        with pytest.raises(CheckpointError, match=said):
            run_record(run)
    (run / "metrics.json").write_text(json.dumps(metrics))
    for name in ("[]", '{"epoch": 1}', '{"epoch": 1, "terms": {"cross_entropy": "low"}}', "{", "3", "null"):
        (run / "history.jsonl").write_text(name)
        with pytest.raises(CheckpointError, match=r"history\.jsonl is damaged"):
            load_run(run)


@pytest.mark.parametrize("lacking", ["seed", "best_epoch", "epochs", "seconds"])
def test_an_incomplete_record_is_shown_as_far_as_it_goes(run, lacking):
    metrics = json.loads((run / "metrics.json").read_text())
    del metrics[lacking]
    (run / "metrics.json").write_text(json.dumps(metrics))
    assert "record" in run_metadata(load_run(run))


def test_a_pipe_in_place_of_the_metrics_is_not_waited_for(run):
    (run / "metrics.json").unlink()
    os.mkfifo(run / "metrics.json")
    with pytest.raises(CheckpointError, match="no regular file"):
        run_record(run)
