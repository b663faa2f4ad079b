"""Folders with a folder for each class and a text a file."""

from __future__ import annotations

import pytest

from safr_lens import load_data
from safr_lens.data.dataset import RowCount
from safr_lens.data.sources import is_whole
from safr_lens.errors import DataError
from tests.data.local_files import as_read


def write(folder, texts: dict[str, str], encoding: str = "utf-8"):
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
    return folder


@pytest.mark.parametrize("streaming", [False, True])
def test_a_folder_of_each_split_as_in_acl_imdb(tmp_path, streaming):
    train = {"train/pos/0_9.txt": "great\n", "train/neg/0_3.txt": "dull", "train/unsup/0_0.txt": "who knows"}
    test = {"test/neg/0_1.txt": "bad", "test/pos/0_8.txt": "fine"}
    folder = write(tmp_path, {**train, **test, "train/urls_pos.txt": "http", "README": "see", "imdb.vocab": "the"})
    data = load_data(folder, cut_missing=False, streaming=streaming)
    assert as_read(data, "train") == [("dull", "neg"), ("great\n", "pos")]
    assert as_read(data, "test") == [("bad", "neg"), ("fine", "pos")]
    assert data.rows == {"train": RowCount(3, {"no label": 1}), "test": RowCount(2, {})}
    assert not is_whole(folder)


def test_one_folder_with_files_without_ending_as_in_20_newsgroups(tmp_path):
    folder = write(
        tmp_path / "20news", {"sci.space/60001": "orbit “x”", "rec.autos/101": "car", ".git/a": "x"}, "cp1252"
    )
    data = load_data(folder, cut_missing=False)
    assert as_read(data, "test") == [("car", "rec.autos"), ("orbit “x”", "sci.space")]
    assert "Windows-1252" in data.summary
    assert is_whole(folder)


def test_two_such_folders_are_train_and_test(tmp_path):
    train = write(tmp_path / "bydate-train", {"a/1": "one", "b/2": "two"})
    test = write(tmp_path / "bydate-test", {"a/3": "three", "b/4": "four"})
    data = load_data({"train": train, "test": test}, cut_missing=False)
    assert as_read(data, "test") == [("three", "a"), ("four", "b")]


def test_an_empty_text_and_an_unknown_encoding_are_named(tmp_path):
    with pytest.raises(DataError, match="row 1 has an empty text"):
        load_data(write(tmp_path / "x", {"a/1.txt": " \n", "b/1.txt": "b"}))
    with pytest.raises(DataError, match=r"1\.txt is not UTF-8.*--encoding cp1251"):
        load_data(write(tmp_path / "y", {"a/1.txt": "Отличный фильм", "b/1.txt": "Скучный сюжет и плохой"}, "cp1251"))
