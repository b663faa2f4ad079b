"""What each command prints and writes."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys

import pytest
import typer

from safr_lens import HookedClassifier
from safr_lens.cli import app
from safr_lens.runs.settings import make_settings

RUN_FILES = {"model.safetensors", "config.json", "tokenizer.json", "compared_pairs.safetensors"}
RUN_FILES |= {"manifest.json", "metrics.json", "history.jsonl", "rows.parquet"}


def test_train_writes_exactly_the_files_of_a_run(run):
    assert {path.name for path in run.iterdir()} == RUN_FILES


def test_train_json_is_the_metrics_file(call, corpus, small_config, tmp_path):
    out = tmp_path / "run"
    result = call("train", "--data", corpus, "--config", small_config, "--out", out, "--seed", 5, "--json")
    printed = json.loads(result.stdout)
    assert printed == json.loads((out / "metrics.json").read_text())
    assert printed["seed"] == 5
    assert {"accuracy", "loss"} <= printed["test"].keys()
    assert {"zero", "mean"} <= printed["reliance"].keys()


def test_options_win_over_the_config_file(call, corpus, small_config, tmp_path):
    out = tmp_path / "run"
    call("train", "--data", corpus, "--config", small_config, "--out", out, "--epochs", 1, "--site", "none", "--quiet")
    settings = json.loads((out / "metrics.json").read_text())["settings"]
    assert (settings["train"]["epochs"], settings["penalty"]["site"]) == (1, "none")
    assert settings["model"]["d_mlp"] == 32


def test_history_logs_every_term_by_name(run):
    first = json.loads((run / "history.jsonl").read_text().splitlines()[0])
    assert set(first["terms"]) == {"cross_entropy", "importance", "interaction", "information"}


def test_class_names_are_kept_and_shown(call, run):
    answer = json.loads(call("predict", run, "a wonderful film", "--json").stdout)[0]
    assert set(answer["probabilities"]) == {"negative", "positive"}
    assert answer["label"] in answer["probabilities"]


def test_predict_evidence_adds_up_to_the_margin(call, run):
    answer = json.loads(call("predict", run, "a wonderful film", "--top", 50, "--json").stdout)[0]
    odds = answer["probability"] / (1 - answer["probability"])
    assert sum(token["evidence"] for token in answer["tokens"]) == pytest.approx(math.log(odds), abs=1e-3)


def test_predict_shows_tokens_for_people(call, run):
    result = call("predict", run, "a wonderful film", "boring <br /> [bold]plot[/bold]")
    assert result.exit_code == 0
    assert "wonderful" in result.stdout
    assert "[bold]plot[/bold]" in result.stdout


def test_evaluate_measures_the_rows_that_were_held_out(call, run, corpus):
    found = json.loads(call("evaluate", run, "--data", corpus, "--json").stdout)
    recorded = json.loads((run / "metrics.json").read_text())
    assert found["test"]["accuracy"] == recorded["test"]["accuracy"] and found["test"]["n"] == recorded["test"]["n"]
    assert (found["split"], found["seen"]["test"], found["warnings"]) == ("test", recorded["test"]["n"], [])
    again = json.loads(call("evaluate", run, "--json").stdout)
    assert again["test"] == found["test"], "without --data"


def test_evaluate_says_what_was_trained_on(call, run, corpus, tmp_path):
    everything = json.loads(call("evaluate", run, "--data", corpus, "--split", "all", "--json").stdout)
    assert everything["test"]["n"] == len(corpus.read_text().splitlines()) - 1
    assert everything["warnings"][0].startswith(f"{everything['seen']['train']} of 120 texts were trained on")
    other = tmp_path / "other.csv"
    other.write_text(f"{corpus.read_text()}a new funny film,positive\n")
    shown = call("evaluate", run, "--data", other).stdout
    assert f"Warning: {everything['seen']['train']} of 121 texts were trained on" in shown
    new = tmp_path / "new.csv"
    new.write_text("text,label\na new funny film,positive\na new dull film,negative\n")
    shown = call("evaluate", run, "--data", new).stdout
    assert "0 of 2 texts were trained on." in shown and "Warning: 0 of" not in shown
    analyzed = call("analyze", run, "--data", new, "--no-init", "--faithfulness-texts", 0, "--quiet").stdout
    assert analyzed.count("0 of 2 texts were trained on.") == 1


def test_evaluate_streaming_gives_the_same_figures(call, run, corpus):
    kept = json.loads(call("evaluate", run, "--data", corpus, "--json").stdout)
    streamed = json.loads(call("evaluate", run, "--data", corpus, "--streaming", "--json").stdout)
    assert streamed["test"] == pytest.approx(kept["test"])


def test_evaluate_reports_texts_cut_to_the_context(call, run, tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(f"text,label\n{'film ' * 40},negative\ngreat film,positive\n")
    assert json.loads(call("evaluate", run, "--data", path, "--json").stdout)["test"]["n_cut"] == 1


VECTORS = ("--word-vectors-from", "rotten_tomatoes")  # those of imdb take ten seconds


def test_demo_compares_both_models_and_writes_the_report(call, tmp_path):
    out = tmp_path / "demo"
    result = call("demo", "--out", out, "--limit", 60, "--epochs", 1, *VECTORS, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert set(printed["models"]) == {"unregularised", "SAFR"}
    for name in ("unregularised", "safr"):
        assert {path.name for path in (out / name).iterdir()} == RUN_FILES
        assert HookedClassifier.from_pretrained(out / name).config.d_mlp == 256  # like with like
    assert "What SAFR changed" in (out / "report.html").read_text()
    again = call("demo", "--out", out)
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr


def test_an_interrupted_demo_reuses_the_arm_that_is_finished(call, tmp_path):
    out = tmp_path / "demo"
    call("demo", "--out", out, "--limit", 60, "--epochs", 1, *VECTORS, "--quiet")
    (out / "report.html").unlink()
    weights = out / "safr" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    result = call("demo", "--out", out, "--limit", 60, "--epochs", 1, *VECTORS, "--quiet")
    assert result.exit_code == 0, result.output
    assert weights.stat().st_mtime_ns == before
    assert (out / "report.html").exists()
    (out / "report.html").unlink()
    other = call("demo", "--out", out, "--limit", 60, "--epochs", 1, "--word-vectors-from", "imdb", "--quiet")
    assert other.exit_code == 2 and "word_vectors was" in other.stderr
    assert weights.stat().st_mtime_ns == before


@pytest.mark.parametrize("command", ["demo", "train", "evaluate", "predict", "analyze", "compare", "report"])
def test_help_explains_every_option(call, command):
    result = call(command, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout


@pytest.mark.parametrize("named", [{}, {"backbone": "encoder"}, {"backbone": "encoder", "freeze": "none"}])
def test_help_states_the_defaults_that_are_used(named):
    settings = make_settings(named)
    weights = {f"{name}_weight": settings.penalty.schedules[name].end for name in ("importance", "interaction")}
    used = {
        name: getattr(settings.train, name) for name in ("epochs", "patience", "batch_size", "learning_rate", "seed")
    }
    options = {option.name: option.help for option in typer.main.get_command(app).commands["train"].params}
    stated = {name: [float(one) for one in re.findall(r"\d+(?:e-\d)?", options[name])] for name in weights | used}
    assert all(value in stated[name] for name, value in (weights | used).items())
    assert settings.train.backbone_learning_rate in [None, *stated["learning_rate"]]


def test_the_installed_command_shows_no_traceback():
    words = [
        sys.executable,
        "-c",
        "from safr_lens.cli import main; main()",
        "train",
        "--data",
        "nowhere.csv",
        "--out",
        "x",
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: nowhere.csv: no such file")
