"""A run is measured on its own held-out rows, from any folder, and says what it has seen of other data."""

from __future__ import annotations

import csv
import json
import random
import shutil

import pandas as pd
import pytest

from safr_lens import SafrPenalty, TrainConfig, load_data, train
from safr_lens.errors import ConfigError, DataError
from safr_lens.runs.measured_data import measured_data
from safr_lens.runs.measured_split import measured_split
from safr_lens.runs.record import run_record
from tests.training.corpus import LABELS, tiny_classifier

WORDS = ("film", "story", "cast", "plot", "scene", "dull", "funny", "great")
DRAW = random.Random(0)
COIN = [(" ".join([*DRAW.choices(WORDS, k=5), f"number {i}"]), DRAW.choice(LABELS)) for i in range(100)]
NEW = [(f"new {i} {text}", label) for i, (text, label) in enumerate(COIN[:20])]
SIZES = {"train": 72, "validation": 8, "test": 20}


def write(path, rows, columns=("text", "label")):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return str(path)


def trained(out, source, **options):
    data = load_data(source, **options)
    penalty = SafrPenalty(site="none", information_weight=0.1)
    config = TrainConfig(epochs=1, learning_rate=1e-2)
    model = tiny_classifier()
    train(model, load_data(source, classes=model.labels, **options), config, penalty=penalty, out=out, progress=False)
    return run_record(out), data


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("coin")


@pytest.fixture(scope="module")
def source(folder):
    return write(folder / "coin.csv", COIN)


@pytest.fixture(scope="module")
def run_and_data(folder, source):
    return trained(folder / "run", source)


@pytest.fixture
def run(run_and_data):
    return run_and_data[0]


@pytest.fixture
def data(run_and_data):
    return run_and_data[1]


def measure(run, source=None, split="test", **options):
    return measured_split(source, split, classes=LABELS, runs=[run], **options)


def found(measured):
    return sorted((row["text"], LABELS[row["label"]]) for row in measured.rows)


def rows(data, split):
    return sorted((row["text"], data.labels[row["label"]]) for row in data[split])


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("split", SIZES)
def test_of_the_file_that_a_run_knows_only_the_rows_of_the_split_are_measured(run, data, source, split, streaming):
    for where in (source, None):
        measured = measure(run, where, split, streaming=streaming)
        assert (measured.split, measured.name) == (split, f"the {split} split of {source}")
        assert found(measured) == rows(data, split)
        assert found(measured) == rows(data, split), "read a second time"
        assert measured.seen == {run.run: {**dict.fromkeys((*SIZES, "new"), 0), split: SIZES[split]}}


def test_a_copy_of_the_file_elsewhere_or_a_part_of_it_is_known_too(run, data, tmp_path):
    assert found(measure(run, write(tmp_path / "copy.csv", COIN[::-1]))) == rows(data, "test")
    part = measure(run, write(tmp_path / "part.csv", COIN[:50]))
    assert found(part) == sorted(set(rows(data, "test")) & set(COIN[:50])) and part.split == "test"
    shouted = write(tmp_path / "shouted.csv", [(f" {text.upper()} ", label) for text, label in COIN])
    assert len(measure(run, shouted).rows) == 20


def test_rows_in_memory_are_known_too(run, data):
    table = pd.DataFrame(COIN, columns=["text", "label"])
    measured = measure(run, table)
    assert found(measured) == rows(data, "test")
    assert (measured.split, measured.name) == ("test", "the test split of a DataFrame of 100 rows")
    splits = measure(run, {"train": pd.DataFrame(NEW, columns=["text", "label"]), "test": table})
    assert splits.split == "test" and splits.seen[run.run] == {**SIZES, "new": 0}


def test_the_whole_file_is_measured_on_request(run, source):
    measured = measure(run, source, "all")
    assert (measured.split, len(measured.rows)) == ("all", 100)
    assert measured.seen[run.run] == {**SIZES, "new": 0}


def test_of_another_file_it_is_said_how_many_texts_were_trained_on(run, data, tmp_path):
    seen = [row for row in COIN if row in rows(data, "train")][:7]
    measured = measure(run, write(tmp_path / "other.csv", [*NEW, *seen, *seen[:2]]))
    assert (measured.split, measured.name) == ("all", f"{tmp_path / 'other.csv'} (all of it)")
    assert measured.seen[run.run] == {"train": 9, "validation": 0, "test": 0, "new": 20}
    assert measured.train is None


def test_a_file_of_training_rows_alone_is_measured_whole(run, data, tmp_path):
    measured = measure(run, write(tmp_path / "train.csv", rows(data, "train")))
    assert measured.split == "all" and measured.seen[run.run]["train"] == 72


def test_splits_of_a_folder_are_counted_too(run, data, tmp_path):
    write(tmp_path / "set" / "train.csv", NEW)
    write(tmp_path / "set" / "test.csv", COIN)
    measured = measure(run, str(tmp_path / "set"))
    assert measured.seen[run.run] == {**SIZES, "new": 0} and measured.split == "test"


def test_two_runs_are_measured_on_what_both_held_out(run, data, source, tmp_path):
    other, others = trained(tmp_path / "run", source, split_seed=1)
    measured = measured_split(source, "test", classes=LABELS, runs=[run, other])
    assert found(measured) == sorted(set(rows(data, "test")) & set(rows(others, "test")))
    assert all(seen["test"] == len(measured.rows) for seen in measured.seen.values())


def test_word_vectors_come_from_the_training_rows_of_the_file(run, data, source):
    measured = measured_data(source, "test", classes=LABELS, runs=[run])
    [texts] = measured.vector_texts
    assert sorted(texts["text"]) == sorted(data["train"]["text"])
    assert measured.vectors_name == f"the training split of {source}"


# ---- a run remembers its data


def test_the_data_of_a_run_is_found_from_another_folder(tmp_path, monkeypatch):
    write(tmp_path / "here" / "a.csv", COIN, ("review", "stars"))
    monkeypatch.chdir(tmp_path / "here")
    options = {"text_column": "review", "label_column": "stars", "split_seed": 5}
    run, data = trained(tmp_path / "run", "a.csv", **options)
    monkeypatch.chdir("/")
    assert found(measure(run)) == rows(data, "test")
    assert measure(run).seen[run.run]["test"] == 20


def test_test_data_that_were_named_are_the_test_split(tmp_path, monkeypatch):
    write(tmp_path / "a.csv", COIN)
    write(tmp_path / "b.csv", NEW)
    monkeypatch.chdir(tmp_path)
    run, _ = trained(tmp_path / "run", {"train": "a.csv", "test": "b.csv"})
    monkeypatch.chdir("/")
    assert found(measure(run)) == sorted(NEW)
    assert found(measure(run, str(tmp_path / "b.csv"))) == sorted(NEW)


def test_stated_labels_are_remembered(tmp_path):
    numbers = [(text, str(LABELS.index(label) + 1)) for text, label in COIN]
    options = {"labels": {"1": LABELS[0], "2": LABELS[1]}}
    run, data = trained(tmp_path / "run", write(tmp_path / "a.csv", numbers), **options)
    assert found(measure(run)) == rows(data, "test")


def test_a_run_that_was_trained_on_fewer_rows_is_measured_on_these(run):
    limited = {split: one.only(one.texts % 2 == 0) for split, one in run.rows.items()}
    measured = measure(type(run)(run.run, run.metrics, limited))
    assert len(measured.rows) == len(limited["test"].texts) < 20


def test_a_stream_is_measured_again(tmp_path):
    run, data = trained(tmp_path / "run", write(tmp_path / "a.csv", COIN), streaming=True)
    assert found(measure(run)) == found(measure(run, str(tmp_path / "a.csv"), streaming=True)) == rows(data, "test")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda rows: [(text, LABELS[1 - LABELS.index(label)]) for text, label in rows],
            r"test: \d+ texts? other labels",
        ),
        (lambda rows: rows[:40], r"\d+ texts? removed"),
    ],
)
def test_changed_data_is_an_error_that_says_what_changed(run_and_data, tmp_path, change, said):
    run, _ = trained(tmp_path / "run", write(tmp_path / "a.csv", COIN))
    write(tmp_path / "a.csv", change(COIN))
    with pytest.raises(DataError, match=rf"a\.csv has changed since .*{said}.*--data"):
        measure(run)
    assert len(measure(run, write(tmp_path / "b.csv", COIN)).rows) == 20, "the advice"


def test_a_file_that_is_gone_is_named(tmp_path):
    run, _ = trained(tmp_path / "run", write(tmp_path / "a.csv", COIN))
    (tmp_path / "a.csv").rename(tmp_path / "b.csv")
    with pytest.raises(DataError, match=r"was trained on .*a\.csv, which is no longer there.*--data"):
        measure(run)
    assert len(measure(run, str(tmp_path / "b.csv")).rows) == 20, "the advice"


# ---- runs without such a record


def older(run, tmp_path, **metrics):
    """Return the run as an earlier version would have written it."""
    folder = shutil.copytree(run.run, tmp_path / "older")
    for name in ("rows.parquet", "manifest.json"):
        (folder / name).unlink()
    (folder / "metrics.json").write_text(json.dumps({k: v for k, v in run.metrics.items() if k != "data_origin"}))
    return run_record(folder)


def test_an_older_run_is_measured_as_before_and_says_that_nobody_knows(run, data, source, tmp_path):
    old = older(run, tmp_path)
    measured = measure(old, source)
    assert (len(measured.rows), measured.split, measured.seen) == (100, "all", {old.run: None})
    assert found(measure(old)) == rows(data, "test"), "cut again as it was cut"


def test_a_run_that_was_trained_on_data_in_memory_needs_some(run, tmp_path):
    unknown = type(run)(run.run, {**run.metrics, "data_origin": None}, run.rows)
    with pytest.raises(ConfigError, match="--data"):
        measure(unknown)


def test_an_unknown_split_is_an_error(run, source):
    with pytest.raises(DataError, match=r"Did you mean 'test'"):
        measure(run, source, "tset")
