"""``safr-lens sweep``: what it trains, what it writes, what it does when called again."""

from __future__ import annotations

import json
import re

import pytest

from safr_lens.experiments import sweep as sweeping


@pytest.fixture(scope="module")
def words(corpus, small_config, tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "runs"
    return out, ("sweep", "--data", corpus, "--config", small_config, "--out", out, "--strengths", "0.5,2", "--quiet")


def test_a_sweep_trains_each_strength_and_seed_once(call, words, monkeypatch):
    out, command = words
    result = call(*command, "--seeds", "0,1", "--budget", 99, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [one["strength"] for one in found["steps"]] == [0.0, 0.5, 2.0]
    assert found["split"] == "validation" and found["chosen"]["strength"] == 2.0
    assert found["chosen"]["runs"] == [str(out / f"strength-2-seed-{seed}") for seed in (0, 1)]
    assert json.loads((out / "sweep.json").read_text()) == found
    settings = json.loads((out / "strength-2-seed-1" / "metrics.json").read_text())["settings"]
    assert settings["penalty"]["importance_weight"]["end"] == 4.0 and settings["train"]["seed"] == 1

    monkeypatch.setattr(sweeping, "train_run", None)  # a training would be an error
    again = call(*command, "--seeds", "0,1", "--budget", 99, "--json")
    assert json.loads(again.stdout) == found
    table = call(*command, "--budget", 99).stdout
    assert "unregularised" in table and "strength-2-seed-0" in table


def test_a_sweep_is_not_continued_on_other_labels(call, words, corpus, tmp_path):
    _, command = words
    swapped = corpus.read_text().replace(",negative", ",x").replace(",positive", ",negative").replace(",x", ",positive")
    (tmp_path / "swapped.csv").write_text(swapped)
    result = call(*command, "--data", tmp_path / "swapped.csv")
    assert result.exit_code == 2 and re.search(r"has changed since .*train: \d+ texts other labels", result.stderr)
    (tmp_path / "moved.csv").write_text(corpus.read_text())
    assert call(*command, "--budget", 99, "--data", tmp_path / "moved.csv").exit_code == 0, "the same rows elsewhere"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--strengths", "0,1"), "strengths above 0"),
        (("--strengths", "a"), "list of numbers"),
        (("--seeds", "1,1"), "different seeds"),
        (("--preset", "heavy"), "preset must be one of"),
    ],
)
def test_bad_input_gives_one_clear_message(call, corpus, tmp_path, options, message):
    result = call("sweep", "--data", corpus, "--out", tmp_path / "runs", *options)
    assert result.exit_code == 2
    assert message in result.stderr and not (tmp_path / "runs").exists()


def test_word_vectors_that_no_training_uses_are_refused(call, corpus, small_config, tmp_path):
    config = tmp_path / "attention.yaml"
    config.write_text(small_config.read_text() + "\npreset: attention\nword_vectors_from: rotten_tomatoes\n")
    result = call("sweep", "--data", corpus, "--out", tmp_path / "runs", "--config", config)
    assert result.exit_code == 2 and "nothing uses them" in result.stderr and not (tmp_path / "runs").exists()


def test_a_sweep_without_safr_terms_is_an_error(call, corpus, tmp_path):
    config = tmp_path / "none.yaml"
    config.write_text("site: none\n")
    result = call("sweep", "--data", corpus, "--out", tmp_path / "runs", "--config", config)
    assert result.exit_code == 2 and "has none" in result.stderr


def test_word_vectors_go_to_the_trainings_that_use_them(call, corpus, small_config, tmp_path):
    config, runs = tmp_path / "words.yaml", tmp_path / "runs"
    config.write_text(small_config.read_text() + "\npairs: words\nword_vectors_from: rotten_tomatoes\n")
    command = ("sweep", "--data", corpus, "--out", runs, "--strengths", "1", "--quiet", "--config", config)
    result = call(*command)  # the unregularised classifier starts at random and uses none
    assert result.exit_code == 0, result.output
    described = {
        name: json.loads((runs / f"{name}-seed-0" / "metrics.json").read_text())["settings"]["data"]
        for name in ("unregularised", "strength-1")
    }
    assert "word_vectors" in described["strength-1"] and "word_vectors" not in described["unregularised"]
    assert call(*command).exit_code == 0
