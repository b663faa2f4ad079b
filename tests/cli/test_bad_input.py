"""Every mistake of a user: one clear message, exit code 2, nothing half-written."""

from __future__ import annotations

import json

import pytest

GOOD = "text,label\n" + "".join(f"a good film {i},1\na dull film {i},0\n" for i in range(12))

BAD_FILES = {
    "one class only": ("text,label\ngood,1\nfine,1\n", ["one class only"]),
    "empty text": ("text,label\ngood,1\n   ,0\n", ["row 2", "empty text"]),
    "missing label": ("text,label\ngood,1\nbad,\n", ["row 2", "no label"]),
    "label no number": ("text,label\ngood,1\nbad,0\nodd,banana\n", ["banana", "--label-column"]),
    "fractional label": ("text,label\ngood,1\nbad,0.5\n", ["0.5", "whole numbers"]),
    "no text column": ("foo,label\ngood,1\nbad,0\n", ["no text column", "'foo'", "--text-column"]),
    "no label column": ("text,foo\ngood,1\nbad,0\n", ["no label column", "'foo'", "--label-column"]),
    "ragged row": ("text,label\ngood,1\nbad,0,7\n", ["line 3", "expected 2 columns, found 3"]),
    "empty file": ("", ["empty"]),
    "header only": ("text,label\n", ["no rows"]),
}


@pytest.fixture
def train_fails(call, tmp_path):
    """Train on bad input and return the message; assert what holds for every mistake."""

    def run(*words: object) -> str:
        out = tmp_path / "never" / "run"
        result = call("train", "--out", out, *words)
        assert result.exit_code == 2, result.output
        assert result.stdout == ""
        assert result.stderr.startswith("Error: ")
        assert "Traceback" not in result.stderr
        assert not out.parent.exists()
        return result.stderr

    return run


@pytest.fixture
def good(tmp_path):
    path = tmp_path / "good.csv"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file(train_fails, tmp_path, name):
    content, expected = BAD_FILES[name]
    path = tmp_path / "reviews.csv"
    path.write_text(content)
    message = train_fails("--data", path)
    assert str(path) in message
    for words in expected:
        assert words in message


def test_not_utf8(train_fails, tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("text,label\nкофе,1\nплохо,0\n".encode("cp1251"))
    assert "not UTF-8" in train_fails("--data", path)


def test_missing_file_names_near_matches(train_fails, good):
    assert "good.csv" in train_fails("--data", good.with_name("goood.csv"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--data", "rotten_tomatos"), "rotten_tomatoes"),
        (("--data", "{good}", "--text-column", "txt"), "Did you mean 'text'"),
        (("--data", "{good}", "--label-column", "lable"), "Did you mean 'label'"),
        (("--data", "{good}", "--importance-weight", "-1"), "importance_weight must be a number, at least 0; got -1"),
        (("--data", "{good}", "--information-weight", "-0.5"), "information_weight"),
        (("--data", "{good}", "--site", "neuron"), "Did you mean 'neurons'"),
        (("--data", "{good}", "--readout", "residul"), "Did you mean 'residual'"),
        (("--data", "{good}", "--epochs", "0"), "epochs must be a whole number"),
        (("--data", "{good}", "--tokenizer", "words"), "Did you mean 'word'"),
        (("--data", "{good}", "--learning-rate", "nan"), "learning_rate"),
        (("--data", "{good}", "--max-length", "0"), "n_ctx"),
        (("--data", "{good}", "--test-data", "nowhere.csv"), "nowhere.csv: no such file"),
        (("--data", "{good}", "--config", "nowhere.yaml"), "nowhere.yaml: no such file"),
        ((), "--data rotten_tomatoes"),
    ],
)
def test_bad_option(train_fails, good, words, expected):
    assert expected in train_fails(*(word.format(good=good) for word in words))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("epoch: 3", "Did you mean 'epochs'"),
        ("- 3", "expected settings"),
        ("{", "neither YAML nor JSON"),
        ("importance_weight: {begin: 1}", "Unknown key 'begin'"),
        ("importance_weight: high", "importance_weight must be a number"),
        ("layers: [4]", "layer 4"),
        ("layers: 0", "layers"),
        ("d_model: 30", "multiple of n_heads"),
    ],
)
def test_bad_config_file(train_fails, good, tmp_path, content, expected):
    path = tmp_path / "settings.yaml"
    path.write_text(content)
    assert expected in train_fails("--data", good, "--config", path)


def test_no_folder_for_the_run(call, good):
    result = call("train", "--data", good)
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_a_run_is_not_overwritten_unasked(call, run, corpus, small_config):
    before = (run / "model.safetensors").read_bytes()
    result = call("train", "--data", corpus, "--config", small_config, "--out", run)
    assert result.exit_code == 2
    assert "--overwrite" in result.stderr
    assert (run / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["film " * 40], "40 tokens"),
        (["   "], "no token"),
        (["good film", ""], "no token"),
    ],
)
def test_bad_text(call, run, texts, expected):
    result = call("predict", run, *texts)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert expected in result.stderr


def test_a_long_text_can_be_cut(call, run):
    answer = json.loads(call("predict", run, "film " * 40, "--truncate", "--json", "--top", 99).stdout)[0]
    assert len(answer["tokens"]) == 16


@pytest.mark.parametrize("command", [("predict", "{run}x", "text"), ("evaluate", "{run}x", "--data", "imdb")])
def test_missing_run_names_near_matches(call, run, command):
    result = call(*(word.format(run=run) for word in command))
    assert result.exit_code == 2
    assert "Did you mean 'safr'" in result.stderr


def test_evaluating_unknown_classes(call, run, tmp_path):
    path = tmp_path / "stars.csv"
    path.write_text("text,label\ngood,five stars\nbad,one star\n")
    result = call("evaluate", run, "--data", path)
    assert result.exit_code == 2
    assert "negative, positive" in result.stderr


def test_unknown_split(call, run, corpus):
    result = call("evaluate", run, "--data", corpus, "--split", "tests")
    assert result.exit_code == 2
    assert "Did you mean 'test'" in result.stderr


def test_unknown_option_is_a_usage_error(call):
    assert call("train", "--epoch", "3").exit_code == 2
