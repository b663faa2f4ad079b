"""Streams: read anew at each pass, disjoint, whole, and good enough to train on."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from datasets import IterableDataset

from safr_lens import SafrPenalty, TrainConfig, load_data, train
from safr_lens.data.row_fingerprints import text_key
from safr_lens.errors import DataError
from tests.training.corpus import rows, tiny_classifier


def write(path: Path, texts: list[tuple[str, int]]) -> Path:
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in texts))
    return path


def numbered(n: int, *, prefix: str = "text") -> list[tuple[str, int]]:
    return [(f"{prefix} {i}", i % 2) for i in range(n)]


def keys(split) -> set[str]:
    return {text_key(row["text"]) for row in split}


def test_splits_are_streams_that_read_the_file_at_each_pass(tmp_path):
    path = write(tmp_path / "a.csv", numbered(60))
    data = load_data(path, streaming=True)
    assert data.streaming
    assert all(isinstance(split, IterableDataset) for split in data.values())
    first = list(data["train"])
    assert list(data["train"]) == first
    write(path, [*numbered(60), *numbered(60, prefix="later")])
    assert len(list(data["train"])) > len(first)


def test_streamed_splits_are_disjoint_and_together_all_rows(tmp_path):
    texts = [*numbered(200), *((text.upper(), label) for text, label in numbered(20))]
    data = load_data(write(tmp_path / "a.csv", texts), streaming=True)
    assert list(data) == ["train", "validation", "test"]
    read = [(row["text"], row["label"]) for split in data.values() for row in split]
    assert sorted(read) == sorted(texts)
    for left, right in itertools.combinations(data.values(), 2):
        assert not keys(left) & keys(right)


def test_streamed_splits_have_about_their_share(tmp_path):
    data = load_data(write(tmp_path / "a.csv", numbered(3000)), streaming=True)
    sizes = {name: len(list(split)) for name, split in data.items()}
    assert 520 < sizes["test"] < 680  # 600 expected, standard deviation 22
    assert 180 < sizes["validation"] < 300  # 240 expected, standard deviation 15


def test_streamed_train_leaves_out_what_stands_in_a_given_split(tmp_path):
    files = {
        "train": write(tmp_path / "a.csv", [*numbered(60), ("Shared  text", 1)]),
        "test": write(tmp_path / "t.csv", [("shared text", 1), ("other", 0)]),
    }
    data = load_data(files, streaming=True)
    assert len(list(data["test"])) == 2
    assert len(list(data["train"])) + len(list(data["validation"])) == 60


def test_streamed_validation_leaves_out_what_stands_in_test(tmp_path):
    files = {
        "train": write(tmp_path / "a.csv", numbered(20)),
        "validation": write(tmp_path / "v.csv", [("Shared  text", 1), ("val", 0)]),
        "test": write(tmp_path / "t.csv", [("shared text", 1), ("test", 0)]),
    }
    data = load_data(files, streaming=True)
    assert not keys(data["validation"]) & keys(data["test"])


def test_another_split_seed_streams_other_splits(tmp_path):
    path = write(tmp_path / "a.csv", numbered(100))
    one, other = (load_data(path, streaming=True, split_seed=seed) for seed in (0, 1))
    assert keys(one["test"]) != keys(other["test"])


def test_without_cutting_the_stream_is_the_test_split(tmp_path):
    data = load_data(write(tmp_path / "a.csv", numbered(20)), streaming=True, cut_missing=False)
    assert [(row["text"], row["label"]) for row in data["test"]] == numbered(20)
    with pytest.raises(DataError, match="no split 'train'"):
        data["train"]


def test_packaged_reviews_stream_the_same_rows_as_they_load():
    streamed = load_data("rotten_tomatoes", streaming=True)
    loaded = load_data("rotten_tomatoes")
    assert streamed.labels == loaded.labels
    read = [(row["text"], row["label"]) for split in streamed.values() for row in split]
    kept = [(row["text"], row["label"]) for split in loaded.values() for row in split]
    assert sorted(read) == sorted(kept)
    assert not keys(streamed["train"]) & keys(streamed["test"])


def test_a_model_trains_on_a_streamed_file(tmp_path):
    path = write(tmp_path / "a.csv", [(row["text"], row["label"]) for row in rows(120, seed=1)])
    model = tiny_classifier()
    data = load_data(path, labels=model.labels, streaming=True)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    config = TrainConfig(epochs=1, batch_size=16)
    result = train(model, data, config, penalty=SafrPenalty(), progress=False)
    assert result.metrics["test"]["n"] == len(list(data["test"]))
    assert any(not value.equal(before[name]) for name, value in model.state_dict().items())
