"""``safr-lens analyze`` and ``safr-lens compare``."""

from __future__ import annotations

import json
import math
import re

import pandas as pd
import pytest
import torch

from safr_lens.analysis import Difference
from safr_lens.cli.analyze import FOLDED, folded
from safr_lens.cli.output import print_differences, print_table, say_verdicts
from safr_lens.measures.cells import AT_INIT, measure_rows
from safr_lens.measures.estimate import Estimate
from safr_lens.measures.measurement import Measurement
from safr_lens.measures.registry import MEASURES


@pytest.fixture(scope="module")
def plain(call, corpus, small_config, tmp_path_factory):
    """Runs without SAFR of two seeds."""
    found = []
    for seed in (0, 1):
        out = tmp_path_factory.mktemp("runs") / f"plain-{seed}"
        words = ("--data", corpus, "--config", small_config, "--site", "none", "--seed", seed, "--quiet")
        assert call("train", "--out", out, *words).exit_code == 0
        found.append(out)
    return found


def test_analyze_writes_measures_and_neurons_and_shows_a_table(call, run, corpus, tmp_path):
    out = tmp_path / "analysis"
    result = call("analyze", run, "--data", corpus, "--out", out, "--faithfulness-texts", 5, "--quiet")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "measures.json", "neurons.parquet"]
    found = json.loads((out / "measures.json").read_text())
    assert (found["run"], found["data"], found["n_texts"]) == (str(run), str(corpus), 24)
    assert (found["split"], found["measured"]) == ("test", f"the test split of {corpus}")
    assert found["seen"] == {"train": 0, "validation": 0, "test": 24, "new": 0}
    assert len(pd.read_parquet(out / "neurons.parquet")) == 32
    for words in ("token selectivity", "95 % interval", "null", "random", "comprehensiveness"):
        assert words in result.stdout


def test_the_table_breaks_no_word_or_number_in_80_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    measured = {
        name: Measurement(*(Estimate(-0.012345, torch.tensor([-0.0506, 0.0321]), "bootstrap"),) * 3)
        for name in MEASURES
    }
    print_table("a run", [*FOLDED, AT_INIT], folded(measure_rows(measured, measured)))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    words = {word for line in lines for word in line.split()}
    assert {word for entry in MEASURES.values() for word in entry.title.split()} <= words
    intervals = sum(len(re.findall(r"\S+ to [-+.,\d]+", line)) for line in lines)
    assert intervals == 2 * len(MEASURES), "intervals are on one line each"


def test_differences_have_their_verdict_in_80_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "80")
    rows = [
        Difference("monosemanticity", 0.0089, 0.0017, 0.0071, -0.0075, 0.0218, "sentences", True),
        Difference("active_per_token", 27.0, 517.7, -490.7, -492.7, -488.8, "sentences", False),
        Difference("alive_neurons", 1.0, 1.0, 0.0, math.nan, math.nan, "sentences", False),
    ]
    print_differences("runs/a-long-name/safr", "runs/a-long-name/unregularised", rows)
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    for words in ("within", "noise", "better", "unknown", "-0.0075 to +0.0218", "-492.7 to -488.8", "unregularised"):
        assert words in shown


def test_the_runs_of_a_comparison_have_their_names_in_100_columns(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "100")
    headings = [measure.short for measure in MEASURES.values() if measure.short]
    print_table("runs", ["run", *headings], [["runs/unregularised", *["-100.0"] * len(headings)]])
    assert re.search(r"^ ?runs/unregularised +-100\.0", capsys.readouterr().out, re.MULTILINE)


def test_analyze_json_is_what_it_writes(call, run, corpus, tmp_path):
    out = tmp_path / "analysis"
    words = ("--data", corpus, "--no-init", "--faithfulness-texts", 0, "--json")
    printed = json.loads(call("analyze", run, *words, "--out", out).stdout)
    assert printed == json.loads((out / "measures.json").read_text())
    assert printed["word_vectors"] == f"the training split of {corpus}"
    assert printed["faithfulness"] is None and "at_init" not in printed["figures"]["capacity"]
    accuracy = json.loads(call("evaluate", run, "--data", corpus, "--json").stdout)["test"]["accuracy"]
    assert printed["figures"]["accuracy"]["value"] == pytest.approx(accuracy)


def test_an_analysis_is_not_replaced_unasked(call, run, corpus, tmp_path):
    words = ("--data", corpus, "--no-init", "--faithfulness-texts", 0, "--quiet", "--out", tmp_path)
    assert call("analyze", run, *words).exit_code == 0
    before = (tmp_path / "measures.json").read_bytes()
    again = call("analyze", run, *words, "--seed", 1)
    assert again.exit_code == 2 and "exists already" in again.stderr and "--overwrite" in again.stderr
    assert (tmp_path / "measures.json").read_bytes() == before
    assert call("analyze", run, *words, "--seed", 1, "--overwrite").exit_code == 0
    assert (tmp_path / "measures.json").read_bytes() != before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--layer", 3), "no layer 3"),
        (("--split", "tset"), "Did you mean 'test'"),
        (("--word-vectors-from", "nowhere.csv"), "nowhere.csv"),
        (("--word-vectors", "nowhere.vec"), "nowhere.vec"),
        (("--word-vectors", "a.vec", "--word-vectors-from", "imdb"), "name one of them"),
        (("--data", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_mistakes_of_analyze_write_nothing(call, run, corpus, tmp_path, words, message):
    out = tmp_path / "never"
    result = call("analyze", run, "--data", corpus, "--out", out, *words)
    assert result.exit_code == 2, result.output
    assert message in result.stderr and "Traceback" not in result.stderr
    assert result.stdout == "" and not out.exists()


def test_compare_shows_a_row_a_run_and_differences_with_verdicts(call, run, plain, corpus):
    result = call("compare", plain[0], run, "--data", corpus, "--quiet")
    assert result.exit_code == 0, result.output
    assert result.stdout.count(plain[0].name) >= 2
    for words in ("difference", "95 % interval", "verdict", "over sentences, paired", "Within noise"):
        assert words in result.stdout


def test_runs_that_differ_in_their_seed_are_taken_together(call, run, plain, corpus):
    result = call("compare", run, *plain, "--data", corpus, "--json")
    found = json.loads(result.stdout)
    assert list(found["groups"].values()) == [[str(run)], [str(path) for path in plain]]
    assert set(found["runs"]) == {str(run), *map(str, plain)}
    (differences,) = found["differences"].values()
    assert differences["accuracy"]["verdict"] == "unknown", "one run has no spread over seeds"
    mean = sum(found["runs"][str(path)]["figures"]["accuracy"]["value"] for path in plain) / 2
    assert differences["accuracy"]["value"] == pytest.approx(mean)


def test_mistakes_of_compare(call, run, plain, corpus):
    for runs, message in (
        ([run], "at least two runs"),
        ([run, run], "named twice"),
        (plain, "differ in their seeds alone"),
        ([run, "nowhere"], "no such run"),
    ):
        result = call("compare", *runs, "--data", corpus)
        assert result.exit_code == 2 and message in result.stderr, result.output
        assert result.stdout == "" and "Traceback" not in result.stderr


def test_the_direction_of_each_measure_is_shown(capsys):
    names = ("capacity", "active_per_token", "effective_rank")
    print_differences("a", "b", [Difference(one, 1.0, 2.0, -1.0, -2.0, -0.5, "sentences", False) for one in names])
    say_verdicts()
    shown = capsys.readouterr().out
    assert re.search(r"capacity ↑ .*worse", shown) and re.search(r"↓ .*better", shown)
    assert re.search(r"effective rank  .*different", shown)
    assert "↑: higher is better; ↓: lower is better." in shown
