"""Every command says how much of its texts the model does not know, and warns where that is much."""

from __future__ import annotations

import json

import pytest

from tests.data.test_unknown import chinese

# 7 of the 17 tokens are known
FOREIGN = ["der film ist dull", "ein great plot nun", "nichts als story worte", "die cast war tedious ja"]
WARNING = "59 % of the tokens are unknown to the model (more than 20 %)"


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    path = tmp_path_factory.mktemp("foreign") / "german.csv"
    rows = [f"{text},{label}" for text, label in zip(FOREIGN, ("negative", "positive") * 2, strict=True)]
    path.write_text("\n".join(["text,label", *rows * 6]))
    return path


def test_an_answer_to_words_that_are_all_unknown_says_so(call, run):
    shown = call("predict", run, "qwert asdfg zxcvb").stdout
    warning, verdict = (shown.index(part) for part in ("Warning: The model knows none of these words", "tive, "))
    assert "(qwert, asdfg, zxcvb): its answer says nothing about this text." in shown
    assert warning < verdict and "It answers every text of as many unknown words alike: " in shown
    assert "qwert (unknown)" in shown


def test_predict_says_the_share_and_marks_unknown_tokens(call, run):
    shown = call("predict", run, "a dull zygotic film", "a dull film").stdout
    first, second = shown.split("a dull film\n")
    assert (
        "(25.0 % of the tokens are unknown)" in first and "zygotic (unknown)" in first and "film (unknown)" not in first
    )
    assert "Warning: The model does not know 1 of 4 tokens (zygotic), more than 20 %" in first
    assert "unknown" not in second and "Warning" not in second


def test_predict_json_holds_share_warning_and_marks(call, run):
    known, partly = json.loads(call("predict", run, "a dull film", "a dull zygotic film", "--json").stdout)
    assert (known["unknown_tokens"], known["warning"]) == (0.0, "")
    assert partly["unknown_tokens"] == 0.25 and "zygotic" in partly["warning"]
    assert {one["token"]: one["unknown"] for one in partly["tokens"]} == {
        "a": False,
        "dull": False,
        "zygotic": True,
        "film": False,
    }


def test_train_writes_and_shows_the_share(call, run, corpus, small_config, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["test"]["unknown_tokens"] == 0.0 and metrics["warnings"] == []
    result = call("train", "--data", corpus, "--config", small_config, "--epochs", 1, "--out", tmp_path / "run")
    assert "unknown tokens, %" in result.stdout and "Warning" not in result.output


def test_training_on_chinese_text_says_up_front_what_to_choose(call, small_config, tmp_path):
    data = tmp_path / "reviews.csv"
    rows = [f"{row['text']},{('bad', 'good')[number % 2]}" for number, row in enumerate(chinese(120, seed=0))]
    data.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    options = ("--data", data, "--config", small_config, "--epochs", 1, "--preset", "attention")
    poor = call("train", *options, "--out", tmp_path / "word")
    up_front, table = poor.stderr, poor.stdout
    assert up_front.startswith("Warning: ") and up_front.index("--tokenizer bpe") < up_front.index("epoch")
    before = json.loads((tmp_path / "word" / "metrics.json").read_text())
    assert before["test"]["unknown_tokens"] > 0.2 and len(before["warnings"]) == 2
    assert all(warning in table for warning in before["warnings"])
    advised = call("train", *options, "--tokenizer", "bpe", "--out", tmp_path / "bpe")
    assert "Warning" not in advised.output
    after = json.loads((tmp_path / "bpe" / "metrics.json").read_text())
    assert after["test"]["unknown_tokens"] < 0.01 and after["warnings"] == []


def test_word_vectors_that_cannot_be_made_of_chinese_text_are_explained_by_its_tokenizer(call, tmp_path):
    data = tmp_path / "reviews.csv"
    rows = [f"{row['text']},{('bad', 'good')[number % 2]}" for number, row in enumerate(chinese(60, seed=0))]
    data.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    result = call("train", "--data", data, "--out", tmp_path / "run")
    assert result.exit_code == 2 and "--tokenizer bpe" in result.stderr
    assert result.stderr.index("Chinese") < result.stderr.index("word vectors")


def test_evaluate_shows_the_share_and_warns(call, run, foreign, corpus):
    shown = call("evaluate", run, "--data", foreign).stdout
    assert WARNING in shown and "58.8" in shown
    told = json.loads(call("evaluate", run, "--data", foreign, "--json").stdout)
    assert told["test"]["unknown_tokens"] == pytest.approx(10 / 17) and told["warnings"][0].startswith(WARNING)
    assert "Warning" not in call("evaluate", run, "--data", corpus).stdout


def test_analyze_compare_and_report_show_the_share_and_warn(call, run, foreign, tmp_path):
    options = ("--data", foreign, "--faithfulness-texts", 0, "--quiet")
    analyzed = call("analyze", run, *options, "--no-init").output
    assert "(58.8 % unknown)" in analyzed and WARNING in analyzed
    told = json.loads(call("analyze", run, *options, "--no-init", "--json").stdout)
    assert told["unknown_tokens"] == pytest.approx(10 / 17) and told["warnings"][0].startswith(WARNING)
    page = tmp_path / "report.html"
    said = call("report", run, *options, "--out", page).stdout
    assert WARNING in said
    assert "58.8 % of them unknown" in page.read_text() and WARNING in page.read_text()


def test_compare_shows_the_share_of_each_run(call, run, foreign, small_config, corpus, tmp_path):
    other = tmp_path / "plain"
    options = ("--config", small_config, "--site", "none", "--epochs", 1, "--out", other, "--quiet")
    assert call("train", "--data", corpus, *options).exit_code == 0
    shown = call("compare", run, other, "--data", foreign, "--quiet").stdout
    assert f"Unknown tokens: {run} 58.8 %, {other} 58.8 %." in shown
    assert shown.count(WARNING) == 2
