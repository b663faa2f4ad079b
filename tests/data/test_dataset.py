"""Every load says how many rows it read and dropped, and why: as data, in a note, in a log line."""

from __future__ import annotations

import logging

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from safr_lens import load_data
from safr_lens.data.dataset import RowCount


def write(path, rows, *, tail: str = ""):
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows) + tail)
    return path


def numbered(n: int, prefix: str = "text") -> list[tuple[str, int]]:
    return [(f"{prefix} {i}", i % 2) for i in range(n)]


@pytest.mark.parametrize("streaming", [False, True])
def test_rows_and_reasons_of_each_split(tmp_path, streaming):
    files = {
        "train": write(tmp_path / "a.csv", [*numbered(30), ("Shared", 1), ("shared two", 0)], tail="\n,\n\n"),
        "test": write(tmp_path / "t.csv", [*numbered(8, "test"), ("shared", 1), ("Shared  Two", 0)]),
    }
    data = load_data(files, streaming=streaming)
    assert data.rows == {
        "train": RowCount(35, {"empty line": 3, "also in a held-out split": 2}),
        "test": RowCount(10, {}),
    }
    sizes = {name: len(list(split)) for name, split in data.items()}
    assert data.rows["train"].kept == sizes["train"] + sizes["validation"] == 30
    assert data.rows["test"].kept == sizes["test"] == 10


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_a_single_file_counts_as_what_it_becomes(tmp_path, streaming, cut):
    data = load_data(write(tmp_path / "a.csv", numbered(100)), streaming=streaming, cut_missing=cut)
    assert data.rows == {"train" if cut else "test": RowCount(100, {})}


@pytest.mark.parametrize("streaming", [False, True])
def test_class_names_that_are_known_do_not_keep_rows_from_being_counted(tmp_path, streaming):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["a", "b"])})
    Dataset.from_list([{"text": f"t {i}", "label": i % 2} for i in range(60)], features=features).to_parquet(
        tmp_path / "a.parquet"
    )
    assert load_data(tmp_path / "a.parquet", streaming=streaming).rows == {"train": RowCount(60, {})}


def test_a_split_without_labels_counts_as_dropped(tmp_path):
    write(tmp_path / "train.csv", numbered(40))
    write(tmp_path / "test.csv", [(f"hidden {i}", -1) for i in range(7)])
    data = load_data(tmp_path)
    assert data.rows["test"] == RowCount(7, {"no label": 7})
    assert sum(map(len, data.values())) == 40


def test_packaged_reviews_are_counted():
    assert load_data("rotten_tomatoes").rows == {"train": RowCount(8530, {})}


def test_one_line_says_it_all(tmp_path, caplog):
    path = tmp_path / "a.csv"
    path.write_bytes(("text;label\n" + "".join(f"café {i};{i % 2}\n" for i in range(40)) + ";\n").encode("cp1252"))
    with caplog.at_level(logging.INFO, logger="safr_lens.data"):
        data = load_data(path)
    assert [record.getMessage() for record in caplog.records] == [data.summary]
    assert "\n" not in data.summary
    assert data.summary.startswith(f"{path}: train: 41 rows read, 1 dropped (empty line).")
    assert f"{path}: read as Windows-1252 (cp1252), separated by semicolons." in data.notes
    assert all(note in data.summary for note in data.notes)
