"""What a message advises on the command line works when it is followed."""

from __future__ import annotations

import json
import random
import re
import shlex

import pytest
import typer

from safr_lens.cli import app

WORDS = {"3": ["stocks", "oil", "bank", "market", "shares"], "4": ["chip", "phone", "web", "code", "robot"]}


def lines(n: int, *, seed: int = 0) -> list[tuple[str, str]]:
    """Rows of a class number and a title."""
    draw = random.Random(seed)
    return [(label, " ".join(draw.choices(WORDS[label], k=6))) for label in ("3", "4") for _ in range(n)]


@pytest.fixture
def train(call, small_config, tmp_path):
    """Train in a folder whose name has a blank."""

    def run(*words: object):
        return call("train", "--config", small_config, "--out", tmp_path / "my run", "--quiet", *words)

    return run


@pytest.fixture
def news(tmp_path):
    path = tmp_path / "ag news.csv"
    path.write_text("".join(f'"{label}","{title}","AP, {title}"\n' for label, title in lines(60)))
    return path


def test_a_file_without_header_is_read_as_advised(call, train, news, tmp_path):
    refused = train("--data", news)
    assert refused.exit_code == 2
    assert "--no-header" in refused.stderr and "named 1, 2" in refused.stderr
    stated = ("--no-header", "--text-column", "2", "--label-column", "1")
    trained = train("--data", news, *stated)
    assert trained.exit_code == 0, trained.output
    assert json.loads((tmp_path / "my run" / "metrics.json").read_text())["data_rows"]["train"]["read"] == 120
    other = tmp_path / "other.csv"
    other.write_text("".join(f'"{label}","{title}","x"\n' for label, title in lines(10, seed=9)))
    found = call("evaluate", tmp_path / "my run", "--data", other, *stated, "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["test"]["n"] == 20


def test_the_next_command_can_be_pasted(call, train, corpus):
    trained = train("--data", corpus)
    words = shlex.split(re.search(r"Next: safr-lens (.*)", trained.stdout)[1])
    assert words[0] == "predict"
    assert call(*words).exit_code == 0
    words = shlex.split(re.search(r"page: safr-lens (.*)", trained.stdout)[1])
    assert words[0] == "report"
    assert call(*words).exit_code == 0


def test_another_encoding_is_stated_as_advised(train, tmp_path):
    path = tmp_path / "a.csv"
    rows = "".join(f"отличный фильм номер {i},1\nплохой фильм номер {i},0\n" for i in range(30))
    path.write_bytes(f"text,label\n{rows}".encode("cp1251"))
    refused = train("--data", path)
    advised = re.search(r"(--encoding \S+)", refused.stderr)[1].split()
    assert train("--data", path, *advised).exit_code == 0


@pytest.fixture
def few_words(tmp_path):
    path = tmp_path / "few.csv"
    path.write_text("text,label\n" + "".join(f"w{i} v{i},{'ab'[i % 2]}\n" for i in range(40)))
    return path


def test_data_with_too_few_words_for_vectors_is_trained_as_advised(train, few_words):
    refused = train("--data", few_words)
    assert refused.exit_code == 2
    assert "min_count" not in refused.stderr
    assert 'preset "attention"' in refused.stderr and "--word-vectors-from" in refused.stderr
    assert train("--data", few_words, "--preset", "attention").exit_code == 0


def test_columns_of_the_data_for_word_vectors_are_renamed_as_advised(train, corpus, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text(corpus.read_text().replace("text,label", "body,label", 1))
    refused = train("--data", corpus, "--word-vectors-from", other)
    assert refused.exit_code == 2
    assert "no text column found among 'body', 'label'" in refused.stderr
    assert "rename these columns in the file" in refused.stderr
    assert "--text-column" not in refused.stderr
    other.write_text(corpus.read_text())
    assert train("--data", corpus, "--word-vectors-from", other).exit_code == 0


@pytest.mark.parametrize("name", ["train", "evaluate", "analyze", "compare", "report", "sweep", "demo"])
def test_every_command_that_reads_data_takes_what_is_advised(name):
    params = {
        option
        for one in typer.main.get_command(app).commands[name].params
        for option in (*one.opts, *one.secondary_opts)
    }
    assert params >= {"--text-column", "--label-column", "--header", "--no-header", "--encoding"}


def test_a_test_file_goes_with_any_data_of_one_split(train, corpus, tmp_path):
    folder = tmp_path / "shards"
    folder.mkdir()
    header, *rows = corpus.read_text().splitlines(keepends=True)
    for number in range(2):
        (folder / f"part-{number}.csv").write_text(header + "".join(rows[number::2]))
    test = tmp_path / "test.csv"
    test.write_text(header + "".join(row.replace("a ", "some ", 1) for row in rows[:20]))
    assert train("--data", folder, "--test-data", test).exit_code == 0
    (folder / "test.csv").write_text(header + rows[0])
    (folder / "part-0.csv").rename(folder / "train.csv")
    (folder / "part-1.csv").unlink()
    refused = train("--data", folder, "--test-data", test, "--overwrite")
    assert "has the splits train, test; expected one alone for 'train'" in refused.stderr
    assert train("--data", folder / "train.csv", "--test-data", test, "--overwrite").exit_code == 0
