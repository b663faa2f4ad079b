"""Where commands write: seen ahead of the work, held by one process, never another's files, and no traceback."""

from __future__ import annotations

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest

from safr_lens.artefacts import locked, read_manifest, verified
from safr_lens.training.run_folder import RunFolder
from tests.reliability.points import in_child


def train(call, corpus, small_config, out, *more):
    return call("train", "--data", corpus, "--config", small_config, "--out", out, "--quiet", *more)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_manifest_of_a_run_names_all_its_files_and_what_they_are_of(run):
    manifest = read_manifest(run)
    assert {*manifest.files, "manifest.json"} == {path.name for path in run.iterdir()}
    for part, settings in json.loads((run / "metrics.json").read_text())["settings"].items():
        assert manifest.about["settings"][part] == settings
    assert manifest.about["data"].keys() == {"train", "validation", "test"}
    for name in manifest.files:
        verified(run / name)


@pytest.mark.parametrize("command", ["train", "sweep", "demo", "analyze", "report"])
@pytest.mark.parametrize("spelled", [("--out", ""), ("--out=",), ("--out", " ")])
def test_an_output_without_a_name_is_refused(call, run, corpus, tmp_path, monkeypatch, command, spelled):
    monkeypatch.chdir(tmp_path)
    words = [run] if command in ("analyze", "report") else []
    result = call(command, *words, "--data", corpus, *spelled)
    assert result.exit_code == 2 and "it is empty" in result.stderr
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("command", ["train", "sweep", "demo", "analyze", "report"])
def test_an_output_that_cannot_be_written_is_found_before_the_work(call, run, tmp_path, command):
    (tmp_path / "file").write_text("")
    words = [run] if command in ("analyze", "report") else []
    # data that does not exist would be the error if any of the work came first
    result = call(command, *words, "--data", tmp_path / "none.csv", "--out", tmp_path / "file" / "out")
    assert result.exit_code == 2, result.output
    assert str(tmp_path / "file") in result.stderr and "none.csv" not in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    "name", ["config.json", "tokenizer.json", "rows.parquet", "history.jsonl", "model.safetensors"]
)
def test_files_of_the_users_are_replaced_only_when_asked(call, corpus, small_config, tmp_path, name):
    (tmp_path / name).write_text("mine")
    result = train(call, corpus, small_config, tmp_path)
    assert result.exit_code == 2 and "--overwrite" in result.stderr
    assert contents(tmp_path) == {name: b"mine"}


def test_a_manifest_of_something_else_is_never_replaced(call, run, corpus, small_config, tmp_path):
    (tmp_path / "manifest.json").write_text('{"icons": []}')
    for result in (
        train(call, corpus, small_config, tmp_path, "--overwrite"),
        call("analyze", run, "--data", corpus, "--out", tmp_path, "--overwrite", "--quiet"),
    ):
        assert result.exit_code == 2 and "manifest.json is of something else" in result.stderr
    assert contents(tmp_path) == {"manifest.json": b'{"icons": []}'}


def test_a_table_of_the_users_is_replaced_only_when_asked(call, run, corpus, tmp_path):
    (tmp_path / "neurons.parquet").write_text("mine")
    command = ("analyze", run, "--data", corpus, "--out", tmp_path, "--quiet", "--no-init", "--faithfulness-texts", 0)
    result = call(*command)
    assert result.exit_code == 2 and "neurons.parquet exists already" in result.stderr
    assert contents(tmp_path) == {"neurons.parquet": b"mine"}
    assert call(*command, "--overwrite").exit_code == 0
    assert read_manifest(tmp_path).files.keys() == {"measures.json", "neurons.parquet"}


def test_a_replacing_training_that_fails_leaves_the_old_run_whole(call, run, corpus, small_config, tmp_path):
    before = contents(shutil.copytree(run, tmp_path / "run"))
    result = train(call, corpus, small_config, tmp_path / "run", "--overwrite", "--importance-weight", "1e39")
    assert result.exit_code == 2 and "held before is as it was" in result.stderr
    assert contents(tmp_path / "run") == before


def test_resuming_says_when_there_is_nothing_to_resume(call, corpus, small_config, tmp_path):
    result = train(call, corpus, small_config, tmp_path / "run", "--resume")
    assert result.exit_code == 0 and "holds no unfinished training; this one starts anew" in result.stderr


@pytest.fixture
def unfinished(call, corpus, small_config, tmp_path, monkeypatch):
    """A folder with a training whose epochs are over, and that was stopped before it was finished."""
    with corpus.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    with (tmp_path / "two.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[text, f"{text} indeed", label] for text, label in rows])
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "finish", lambda *args: None)
        result = train(call, tmp_path / "two.csv", small_config, tmp_path / "run", "--text-column", "text")
    assert result.exit_code == 0, result.output
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("--text-column", "text indeed"), "text_column was 'text', now 'text indeed'"),
        (("--text-column", "text", "--tokenizer", "bpe"), "tokenizer was '"),
    ],
)
def test_resuming_with_other_columns_or_another_tokenizer_names_them(call, small_config, unfinished, changed, said):
    before = contents(unfinished)
    result = train(call, unfinished.parent / "two.csv", small_config, unfinished, "--resume", *changed)
    assert result.exit_code == 2 and said in result.stderr, result.output
    assert "damaged" not in result.stderr
    assert contents(unfinished) == before


@pytest.mark.parametrize("content", ["[" * 100_000, '{"settings": 5, "weights": "", "records": []}', "[]"])
def test_a_damaged_state_to_resume_from_is_one_message(call, small_config, unfinished, content):
    (unfinished / "resume" / "state.json").write_text(content)
    (unfinished / "resume" / "manifest.json").unlink()  # which would say that it was changed
    more = ("--text-column", "text", "--resume")
    result = train(call, unfinished.parent / "two.csv", small_config, unfinished, *more)
    assert result.exit_code == 2 and "resume is damaged" in result.stderr, result.output
    (unfinished / "metrics.json").write_text("{}")  # a run that has finished since
    result = train(call, unfinished.parent / "two.csv", small_config, unfinished, *more)
    assert result.exit_code == 2 and "resume is damaged" in result.stderr, result.output


def test_a_second_process_is_refused_before_it_reads_its_data(call, small_config, tmp_path):
    with locked(tmp_path / "run"):
        log = tmp_path / "log"

        def other():
            log.write_text(train(call, tmp_path / "none.csv", small_config, tmp_path / "run").stderr)

        assert in_child(other) == 0
        assert f"is being written by process {os.getpid()}, which started at" in log.read_text()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("size", [0, 100, 3_000, 20_000, 60_000])
def test_a_full_disk_is_one_message_and_leaves_nothing_half_written(call, run, corpus, small_config, tmp_path, size):
    """Files of at most so many bytes stand in for the disk: the system refuses the same calls."""
    before = contents(shutil.copytree(run, tmp_path / "run"))

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        for out in ("run", "new"):
            result = train(call, corpus, small_config, tmp_path / out, "--overwrite")
            assert result.exit_code == 2 and "File too large" in result.stderr, result.exception
            assert "Traceback" not in result.output

    assert in_child(limited) == 0
    left = contents(tmp_path / "run")
    assert {name: left.get(name) for name in before} == before
    resumed = train(call, corpus, small_config, tmp_path / "run", "--overwrite", "--resume")
    assert resumed.exit_code == 0, resumed.output
    assert not [name for name in contents(tmp_path / "run") if ".tmp" in name or ".safr_lens" in name]
    assert not (tmp_path / "new" / "metrics.json").exists()


def started(*words: object) -> subprocess.Popen:
    command = [sys.executable, "-m", "safr_lens", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("seconds", [0.3, 1.5, 3.0])
def test_an_interruption_at_any_time_is_one_line(run, corpus, tmp_path, number, seconds):
    out = tmp_path / "analysis"
    with started("analyze", run, "--data", corpus, "--out", out, "--quiet") as process:
        time.sleep(seconds)
        process.send_signal(number)
        _, shown = process.communicate(timeout=100)
    if process.returncode == 0:  # it was faster
        return
    if process.returncode == -number:  # Python itself had not begun yet
        assert seconds < 1
        return
    assert process.returncode == 130, shown
    assert "Traceback" not in shown
    assert shown.strip().splitlines()[-1].startswith("Interrupted")
    assert "train" not in shown
    assert not out.exists()
