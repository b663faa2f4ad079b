"""Class names and their integers."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pandas as pd
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from safr_lens import HookedClassifier, TextData, load_data
from safr_lens.errors import DataError


def write(path: Path, rows: list[tuple[str, object]]) -> Path:
    path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows), encoding="utf-8")
    return path


def numbered(n: int, *, classes: tuple = ("neg", "pos"), prefix: str = "text") -> list[tuple[str, object]]:
    return [(f"{prefix} {i}", classes[i % len(classes)]) for i in range(n)]


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        (("pos", "neg"), ("neg", "pos")),
        ((4, 0), ("0", "4")),
        ((2, 10, 1), ("1", "2", "10")),
        (("1.0", "0.0"), ("0", "1")),
        (tuple("gfedcba"), tuple("abcdefg")),
        ((" spaced ", "other"), ("other", "spaced")),
    ],
)
def test_label_names_are_kept_in_order_and_each_row_keeps_its_own(tmp_path, classes, names):
    rows = numbered(10 * len(classes), classes=classes)
    data = load_data(write(tmp_path / "a.csv", rows), cut_missing=False)
    assert data.labels == names
    shown = [data.labels[row["label"]] for row in data["test"]]
    assert shown == [str(label).strip().removesuffix(".0") for _, label in rows]


def test_labels_in_the_users_order_are_the_integers(tmp_path):
    path = write(tmp_path / "a.csv", [("a", "neg"), ("b", "pos"), ("c", "neg")])
    data = load_data(path, cut_missing=False, labels=["pos", "neg"])
    assert data.labels == ("pos", "neg")
    assert [row["label"] for row in data["test"]] == [1, 0, 1]


def test_labels_name_the_whole_numbers_of_the_data(tmp_path):
    path = write(tmp_path / "a.csv", [("a", 1), ("b", 0)])
    data = load_data(path, cut_missing=False, labels=["bad", "good"])
    assert [data.labels[row["label"]] for row in data["test"]] == ["good", "bad"]


@pytest.mark.parametrize("names", [["world", "sport", "science"], ["1", "2", "3"]])
def test_class_label_names_come_from_the_hub_data_set(monkeypatch, names):
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    rows = [{"text": f"text {i}", "label": i % 3} for i in range(30)]
    found = DatasetDict(train=Dataset.from_list(rows, features=features))
    monkeypatch.setattr(datasets, "load_dataset", lambda *args, **kwargs: found)
    data = load_data("org/name", cut_missing=False)
    assert data.labels == tuple(names)
    assert [row["label"] for row in data["test"]] == [row["label"] for row in rows]


def names_of(path: Path, labels: tuple) -> tuple[tuple[str, ...], list[str]]:
    data = load_data(write(path, numbered(10 * len(labels), classes=labels)), cut_missing=False)
    return data.labels, [data.labels[row["label"]] for row in data["test"]][: len(labels)]


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (("1_1", "11", "2_1"), ("11", "1_1", "2_1")),
        (("7", "007"), ("007", "7")),
        (("1e2", "100"), ("100", "1e2")),
        ((2**53 + 1, 2**53), (str(2**53), str(2**53 + 1))),
        (("None", "sexism"), ("None", "sexism")),
        (("TRUE", "FALSE"), ("FALSE", "TRUE")),
        (("nan", "inf"), ("inf", "nan")),
        (("٣", "3"), ("3", "٣")),
        (("1" * 20, "1" * 19 + "2"), ("1" * 20, "1" * 19 + "2")),
    ],
)
def test_distinct_texts_are_distinct_classes(tmp_path, labels, names):
    assert names_of(tmp_path / "a.csv", labels) == (names, [str(label) for label in labels])


@pytest.mark.parametrize("labels", [("1.0", "1"), ("0", "1", "n/a"), ("1.5", "2.5")])
def test_numbers_are_not_mixed_with_words_or_fractions(tmp_path, labels):
    with pytest.raises(DataError, match="all whole numbers or all class names"):
        names_of(tmp_path / "a.csv", labels)


def jsonl(path: Path, labels: list[object]) -> Path:
    path.write_text("".join(json.dumps({"text": f"text {i}", "label": label}) + "\n" for i, label in enumerate(labels)))
    return path


def test_whole_floats_of_a_numeric_column_are_integers(tmp_path):
    data = load_data(jsonl(tmp_path / "a.jsonl", [1.0, 0.0, 2**53]), cut_missing=False)
    assert data.labels == ("0", "1", str(2**53))


def test_large_whole_numbers_are_not_rounded_to_floats(tmp_path):
    labels = [2**53, 2**53 + 1]
    pd.DataFrame({"text": ["text 0", "text 1"], "label": labels}).to_parquet(tmp_path / "a.parquet")
    for path in (jsonl(tmp_path / "a.jsonl", labels), tmp_path / "a.parquet"):
        data = load_data(path, cut_missing=False)
        assert [data.labels[row["label"]] for row in data["test"]] == [str(label) for label in labels]


def test_booleans_are_no_numbers(tmp_path):
    assert load_data(jsonl(tmp_path / "a.jsonl", [True, False]), cut_missing=False).labels == ("False", "True")
    with pytest.raises(DataError, match="all whole numbers or all class names"):
        load_data(jsonl(tmp_path / "b.jsonl", [True, 0, 1]), cut_missing=False)


@pytest.mark.parametrize("missing", [None, float("nan"), "  "])
def test_a_missing_label_is_not_the_class_none(tmp_path, missing):
    path = jsonl(tmp_path / "a.jsonl", ["None", "sexism", missing])
    with pytest.raises(DataError, match="row 3 has no label"):
        load_data(path, cut_missing=False)
    with pytest.raises(DataError, match="row 3 has no label"):
        load_data(path, classes=["None", "sexism"], cut_missing=False)


def test_a_class_none_takes_no_unknown_labels(tmp_path):
    path = write(tmp_path / "a.csv", [("a", "sexism"), ("b", "rascism")])
    with pytest.raises(
        DataError, match=r"'sexism' is none of the 2 classes of the model: None, racism.*rascism, sexism"
    ):
        load_data(path, classes=["None", "racism"], cut_missing=False)
    with pytest.raises(DataError, match=r"'rascism' is none.*Did you mean 'racism'.*--labels rascism=racism \("):
        load_data(path, classes=["None", "racism", "sexism"], cut_missing=False)


@pytest.mark.parametrize("labels", ["ab", ["a", "a"], ["a", 1, "1"]])
def test_a_model_is_not_made_with_faulty_names(tokenizer, tiny_config, labels):
    with pytest.raises(DataError):
        HookedClassifier.from_config(tiny_config(), tokenizer=tokenizer, labels=labels)
    with pytest.raises(DataError):
        TextData(source="x", labels=labels, splits={})
