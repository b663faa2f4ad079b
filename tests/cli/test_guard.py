"""What all commands say: what a load read and dropped; and no console ends one in a UnicodeEncodeError."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from typer.core import TyperGroup


def test_every_command_says_what_it_read_and_writes_it_down(call, corpus, small_config, tmp_path):
    with_blank = tmp_path / "reviews.csv"
    with_blank.write_text(corpus.read_text() + "\n\n")
    result = call("train", "--data", with_blank, "--config", small_config, "--out", tmp_path / "run", "--json")
    assert f"{with_blank}: train: 122 rows read, 2 dropped (empty line)." in result.stderr
    metrics = json.loads(result.stdout)
    assert metrics["data_rows"] == {"train": {"read": 122, "dropped": {"empty line": 2}}}
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["data_rows"] == metrics["data_rows"]
    result = call("evaluate", tmp_path / "run", "--data", with_blank, "--json")
    assert json.loads(result.stdout)["test"]["n"]
    assert result.stderr.count(f"{with_blank}: ") == 1
    assert "122 rows read, 2 dropped (empty line)." in result.stderr


def on_a_narrow_console(*words: object, encoding: str = "cp1252") -> subprocess.CompletedProcess:
    """Run a command as a user does whose console knows no emoji."""
    return subprocess.run(
        [sys.executable, "-m", "safr_lens", *map(str, words)],
        env={**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "100"},
        capture_output=True,
        check=False,
    )


@pytest.fixture(scope="module")
def odd_data(tmp_path_factory):
    path = tmp_path_factory.mktemp("odd") / "reviews 😀.csv"
    rows = [f"a dull 😀 film {i},neg\na “fine” film → {i},pos\n" for i in range(12)]
    path.write_text("text,label\n" + "".join(rows), encoding="utf-8")
    return path


def test_predict_shows_what_the_console_cannot(run):
    result = on_a_narrow_console("predict", run, "dull 😀", "fine \udcff → “film”")
    assert result.returncode == 0, result.stderr
    assert rb"\U0001f600" in result.stdout
    assert b"Traceback" not in result.stderr


def test_a_file_with_an_odd_name_and_odd_texts(odd_data, run, small_config, tmp_path):
    out = tmp_path / "run 😀"
    result = on_a_narrow_console("train", "--data", odd_data, "--config", small_config, "--out", out, encoding="ascii")
    assert result.returncode == 0, result.stderr
    assert b"UnicodeEncodeError" not in result.stderr


def test_an_error_about_an_odd_name(tmp_path):
    result = on_a_narrow_console("evaluate", tmp_path, "--data", "😀.csv")
    assert result.returncode == 2
    assert b"Traceback" not in result.stderr


def test_help_on_an_ascii_console():
    result = on_a_narrow_console("train", "--help", encoding="ascii")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (("train", "reviews.csv"), "Data is named with --data, what is written with --out"),
        (("evaluate", "runs/safr", "reviews.csv"), "(reviews.csv). Data is named with --data"),
        (("push", "runs/safr", "ada/reviews", "now"), "(now)"),
    ],
)
def test_what_lacks_its_option_is_told_which(call, words, advice):
    refused = call(*words)
    assert refused.exit_code == 2
    assert advice in " ".join(refused.stderr.replace("│", " ").split())


@pytest.mark.parametrize("step", ["make_context", "invoke"])
def test_an_interruption_ahead_of_the_command_has_its_line(call, monkeypatch, step):
    def interrupted(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(TyperGroup, step, interrupted)
    result = call("predict", "runs/safr", "a film")
    assert (result.exit_code, result.stderr.strip(), result.stdout) == (130, "Interrupted.", "")
