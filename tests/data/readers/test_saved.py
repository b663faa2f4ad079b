"""Folders that ``save_to_disk`` wrote."""

from __future__ import annotations

import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from safr_lens import load_data
from safr_lens.errors import DataError

NAMED = Features({"text": Value("string"), "label": ClassLabel(names=["pos", "neg"])})


def rows(n: int, prefix: str = "text") -> Dataset:
    return Dataset.from_list([{"text": f"{prefix} {i}", "label": i % 2} for i in range(n)], features=NAMED)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_data_set_keeps_its_rows_and_class_names(tmp_path, streaming):
    rows(40).save_to_disk(tmp_path / "saved", num_shards=3)
    data = load_data(tmp_path / "saved", cut_missing=False, streaming=streaming)
    assert data.labels == ("pos", "neg")
    assert list(data["test"]) == list(rows(40))


def test_splits_are_kept_whatever_their_spelling(tmp_path):
    DatasetDict(train=rows(20, "a"), dev=rows(4, "b"), test=rows(6, "c")).save_to_disk(tmp_path / "saved")
    data = load_data(tmp_path / "saved")
    assert {name: len(split) for name, split in data.items()} == {"train": 20, "validation": 4, "test": 6}
    assert data["validation"][1] == {"text": "b 1", "label": 1}


def test_without_usual_split_one_is_to_be_named(tmp_path):
    DatasetDict(unsupervised=rows(4)).save_to_disk(tmp_path / "saved")
    with pytest.raises(DataError, match=r"no train, validation or test split; it has unsupervised"):
        load_data(tmp_path / "saved")
    assert len(load_data(tmp_path / "saved" / "unsupervised", cut_missing=False)["test"]) == 4


def test_a_damaged_folder_is_one_message(tmp_path):
    rows(4).save_to_disk(tmp_path / "saved")
    next((tmp_path / "saved").glob("*.arrow")).write_bytes(b"no arrow")
    with pytest.raises(DataError, match=r"saved is damaged, or no folder that save_to_disk wrote"):
        load_data(tmp_path / "saved")
