"""Class names and their integers."""

from __future__ import annotations

from pathlib import Path

import datasets
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from safr_lens import load_data


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
