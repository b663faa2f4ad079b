"""Each analysis runs from its command line on a few texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import BertConfig, BertModel, BertTokenizer

from tests.training.corpus import rows, write_corpus

ANALYSES = Path(__file__).parents[2] / "analyses"


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "reviews.csv", 160)


def run(script: str, *words: object) -> str:
    command = [sys.executable, str(ANALYSES / script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_methods_appends_runs_and_does_not_repeat_them(corpus, tmp_path):
    results = tmp_path / "methods.jsonl"
    words = ("--data", corpus, "--seeds", 0, "--results", results, "--set", "epochs=1", "min_frequency=1")
    assert "unregularised" in run("methods.py", *words)
    lines = results.read_text().splitlines()
    assert {json.loads(line)["method"] for line in lines} == {"unregularised", "SAFR"}
    run("methods.py", *words)
    assert results.read_text().splitlines() == lines


@pytest.fixture
def encoder(tmp_path):
    words = sorted({word for row in rows(160, seed=4) for word in row["text"].lower().split()})
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words])}
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(vocabulary), **sizes)).save_pretrained(tmp_path / "encoder")
    BertTokenizer(vocab=vocabulary).save_pretrained(tmp_path / "encoder")
    return tmp_path / "encoder"


def test_plain_fine_tuning_appends_accuracies_of_each_epoch(corpus, encoder, tmp_path):
    results = tmp_path / "plain.jsonl"
    arguments = ("--data", corpus, "--backbone", encoder, "--epochs", 4, "--learning-rate", 0.01, "--batch-size", 8)
    run("plain_fine_tuning.py", *arguments, "--seeds", 3, 4, "--results", results)
    found = [json.loads(line) for line in results.read_text().splitlines()]
    assert [one["seed"] for one in found] == [3, 4]
    for one in found:
        assert len(one["test"]) == len(one["validation"]) == 4
        assert one["test"][-1] > 0.8  # texts and labels belong together


def test_neuron_head_appends_runs_and_does_not_repeat_them(corpus, encoder, tmp_path):
    results = tmp_path / "head.jsonl"
    arguments = ("--data", corpus, "--vector-data", corpus, "--backbone", encoder, "--epochs", 1, "--seeds", 3)
    arguments += ("--methods", "no penalty", "SAFR", "--vectors-folder", tmp_path / "vectors", "--results", results)
    assert "evidence_concentration" in run("neuron_head.py", *arguments)
    lines = results.read_text().splitlines()
    assert [json.loads(line)["method"] for line in lines] == ["no penalty", "SAFR"]
    assert all(1 <= json.loads(line)["evidence_concentration"] <= 512 for line in lines)
    run("neuron_head.py", *arguments, "--figure", tmp_path / "frontier.png")
    assert results.read_text().splitlines() == lines
    assert (tmp_path / "frontier.png").read_bytes().startswith(b"\x89PNG")
    assert "TopK, k=4" in run(
        "neuron_head.py", *arguments[:10], "--methods", "TopK", "--set", "k=4", "--split", "validation", *arguments[-4:]
    )
    found = json.loads(results.read_text().splitlines()[-1])
    assert (found["split"], found["active_per_token"]) == ("validation", 4)
    assert "test" not in found  # nobody chooses by it


def test_neuron_head_measures_the_encoders_own_neurons_too(corpus, encoder, tmp_path):
    results = tmp_path / "readouts.jsonl"
    arguments = ("--data", corpus, "--vector-data", corpus, "--backbone", encoder, "--freeze", "none", "--epochs", 1)
    arguments += ("--readout", "residual", "--methods", "SAFR", "--seeds", 3, "--results", results)
    run("neuron_head.py", *arguments)
    found = json.loads(results.read_text())
    assert found["readout"] == "residual"
    assert 1 <= found["evidence_concentration"] <= 32  # of 32 neurons in the encoder's MLP


def test_importance_prints_quantiles_and_words(corpus):
    printed = run("importance.py", "--data", corpus, "--epochs", 1)
    assert "quantiles" in printed
    assert "film" in printed


def test_position_compares_both_embeddings(corpus):
    printed = run("position.py", "--data", corpus, "--seeds", 0, "--epochs", 1, "--min-count", 5)
    assert "standard" in printed
    assert "shortformer" in printed
