"""``--labels`` in every command that reads data, and what each command writes down of it."""

from __future__ import annotations

import csv
import json
import re
import shlex

import pytest

from tests.training.corpus import LABELS, rows

MAPPING = {str(number): name for number, name in enumerate(LABELS)}
LINE = "Labels of the data: 0=negative, 1=positive"


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Reviews whose labels are numbers."""
    path = tmp_path_factory.mktemp("numbered") / "reviews 01.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerows([["text", "label"], *([row["text"], row["label"]] for row in rows(80, seed=4))])
    return path


@pytest.fixture(scope="module")
def stated_run(call, numbered, small_config, tmp_path_factory):
    """A run on these reviews, and what its training printed."""
    out = tmp_path_factory.mktemp("runs") / "stated"
    words = ("--config", small_config, "--epochs", 1, "--out", out, "--quiet", "--labels", "0=negative", "1=positive")
    result = call("train", *words, "--data", numbered)
    assert result.exit_code == 0, result.output
    return out, result.stdout


def advised(message: str) -> list[str]:
    """The words after ``--labels`` in an error, each CLASS replaced by what the label means."""
    words = shlex.split(re.search(r"--labels (.*?) \(in Python", message).group(1))
    assert words == ["0=CLASS", "1=CLASS"]
    return [f"{label}={name}" for label, name in MAPPING.items()]


def test_a_training_writes_down_what_its_labels_mean(stated_run):
    out, said = stated_run
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["labels"] == list(LABELS)
    assert metrics["label_mapping"] == dict.fromkeys(("train", "validation", "test"), MAPPING)
    assert LINE in said


def test_a_training_on_names_writes_them_down_and_says_nothing(call, corpus, small_config, tmp_path):
    words = ("--config", small_config, "--epochs", 1, "--out", tmp_path / "run", "--quiet")
    result = call("train", "--data", corpus, *words)
    assert result.exit_code == 0 and "Labels of the data" not in result.output
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["label_mapping"]["test"] == {name: name for name in LABELS}


MEASURED = {
    "evaluate": (),
    "analyze": ("--no-init", "--faithfulness-texts", 0, "--quiet"),
    "compare": ("--quiet",),
    "report": ("--faithfulness-texts", 0, "--quiet"),
}


@pytest.mark.parametrize("command", MEASURED)
def test_numbers_are_refused_for_a_model_of_names_and_the_advice_works(
    call, run, stated_run, numbered, tmp_path, command
):
    words = [command, run, "--data", numbered, *MEASURED[command], "--json"]
    words[2:2] = [stated_run[0]] if command == "compare" else []
    words += ["--out", tmp_path / "report.html"] if command == "report" else []
    refused = call(*words)
    assert refused.exit_code == 2
    assert "is none of the 2 classes of the model: negative, positive. The labels there are 0, 1." in refused.stderr
    assert not (tmp_path / "report.html").exists()
    answer = call(*words, "--labels", *advised(refused.stderr))
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["label_mapping"] == MAPPING


def test_the_line_and_the_right_accuracy(call, run, numbered):
    def accuracy(*labels) -> float:
        answer = call("evaluate", run, "--labels", *labels, "--data", numbered, "--json", "--split", "test")
        return json.loads(answer.stdout)["test"]["accuracy"]

    straight, turned = accuracy("0=negative", "1=positive"), accuracy("0=positive", "1=negative")
    assert straight + turned == pytest.approx(1)
    assert LINE in call("evaluate", run, "--data", numbered, "--labels=0=negative", "1=positive").stdout
    assert LINE in call("evaluate", "--labels", "0=negative", "--labels", "1=positive", run, "--data", numbered).stdout


def test_a_report_of_a_run_reads_its_data_as_the_training_did(call, stated_run, tmp_path):
    out = tmp_path / "report.html"
    answer = call("report", stated_run[0], "--out", out, "--faithfulness-texts", 0, "--quiet")
    assert answer.exit_code == 0, answer.output
    assert LINE in answer.stdout
    assert "0=negative, 1=positive" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["train", "sweep", "demo"])
def test_trainings_take_the_statement(call, numbered, small_config, tmp_path, command):
    words = [command, "--data", numbered, "--out", tmp_path / "out", "--labels", "5=bad", "6=good film"]
    words += [] if command == "demo" else ["--config", small_config]
    answer = call(*words)
    assert answer.exit_code == 2
    assert "label '0' is none of the 2 classes of the stated labels: bad, good film" in " ".join(answer.stderr.split())
    assert not (tmp_path / "out").exists()


def test_a_sweep_writes_down_what_its_labels_mean(call, numbered, small_config, tmp_path):
    words = ("--config", small_config, "--epochs", 1, "--strengths", 1, "--out", tmp_path / "sweep", "--quiet")
    answer = call("sweep", "--data", numbered, *words, "--labels", "0=negative", "1=positive")
    assert answer.exit_code == 0, answer.output
    assert LINE in answer.stdout
    assert json.loads((tmp_path / "sweep" / "sweep.json").read_text())["label_mapping"] == MAPPING


def test_a_config_file_may_state_labels(call, numbered, small_config, tmp_path):
    config = tmp_path / "settings.yaml"
    config.write_text(small_config.read_text() + "labels: {0: negative, 1: positive}\n")
    answer = call("train", "--data", numbered, "--config", config, "--epochs", 1, "--out", tmp_path / "run", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["label_mapping"]["test"] == MAPPING


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["negative"], "--labels takes pairs LABEL=CLASS, as in --labels 0=negative 1=positive; got 'negative'"),
        (["0="], "got '0='"),
        (["0=negative", "0=positive"], "states '0' twice"),
        (["0=negativ", "1=positive"], "Did you mean 'negative'"),
    ],
)
def test_a_faulty_statement(call, run, numbered, pairs, said):
    answer = call("evaluate", run, "--data", numbered, "--labels", *pairs)
    assert answer.exit_code == 2
    assert said in answer.stderr
