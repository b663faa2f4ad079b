"""Every baseline and every term is an option of ``safr-lens train``."""

from __future__ import annotations

import json

import pytest

ALWAYS = {"cross_entropy", "information"}
SAFR = {"importance", "interaction"}
LIGHT = ("--preset", "light", "--word-vectors-from", "rotten_tomatoes")


@pytest.mark.parametrize(
    ("options", "terms"),
    [
        (("--site", "none"), set()),
        (("--site", "none", "--l1-weight", 3), {"l1"}),
        (("--site", "none", "--act-fn", "solu_ln"), set()),
        (("--site", "none", "--act-fn", "topk", "--k", 4, "--d-mlp", 24), set()),
        (("--act-fn", "batch_topk", "--k", 4, "--k-epochs", 0.5), SAFR),
        (("--site", "none", "--mono-weight", 1, "--embedding-start", "words"), {"mono"}),
        (("--preset", "release"), SAFR),
        (("--preset", "strong"), SAFR),
        (("--pairs", "attention", "--scope", "batch"), SAFR),
        (("--counted-pairs", "words", "--gates", "apart"), SAFR),
        (("--overlap-of", "evidence"), SAFR),
        (LIGHT, SAFR),
    ],
    ids=lambda value: "_".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_train_takes_it_and_logs_its_terms(call, corpus, small_config, tmp_path, options, terms):
    out = tmp_path / "run"
    result = call("train", "--data", corpus, "--config", small_config, "--epochs", 1, "--out", out, "--quiet", *options)
    assert result.exit_code == 0, result.output
    history = json.loads((out / "history.jsonl").read_text().splitlines()[0])
    assert set(history["terms"]) == ALWAYS | terms
    analysed = call("analyze", out, "--data", corpus, "--no-init", "--faithfulness-texts", 0, "--quiet", "--json")
    assert analysed.exit_code == 0, analysed.output


def test_word_vectors_that_nothing_uses_are_refused_before_anything_is_written(call, corpus, small_config, tmp_path):
    words = ("--data", corpus, "--config", small_config, "--out", tmp_path / "run")
    result = call("train", *words, "--preset", "attention", "--word-vectors-from", "rotten_tomatoes")
    assert result.exit_code == 2
    assert "nothing uses them" in result.stderr and not (tmp_path / "run").exists()


def test_word_vectors_of_another_language_are_refused(call, small_config, tmp_path):
    path = tmp_path / "klingon.tsv"
    words = ["qapla", "batleth", "gagh", "petaq", "nuqneh", "majqa"]
    rows = [f"{words[i % 6]} {words[(i // 2) % 6]} {words[(i // 3) % 6]}\t{i % 2}" for i in range(200)]
    path.write_text("text\tlabel\n" + "\n".join(dict.fromkeys(rows)) + "\n")
    options = ("--preset", "strong", "--word-vectors-from", "rotten_tomatoes")
    result = call("train", "--data", path, "--config", small_config, "--out", tmp_path / "run", *options)
    assert result.exit_code == 2
    assert "another language" in result.stderr and not (tmp_path / "run").exists()
