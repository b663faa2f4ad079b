"""From a source to splits: what is taken for what, and what is said of a source that is none."""

from __future__ import annotations

import datasets
import pytest

from safr_lens import load_data
from safr_lens.errors import DataError
from tests.data.local_files import ROWS, as_read, as_written, csv_of, write


def test_a_misspelt_file_in_a_folder_does_not_ask_the_hub(tmp_path, monkeypatch):
    def ask(*args, **kwargs):
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr(datasets, "load_dataset", ask)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "reviews").mkdir()
    with pytest.raises(DataError, match=r"data/review: no such file or folder. Did you mean 'reviews'"):
        load_data("data/review")


def test_labels_given_as_one_text_are_an_error(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("text,label\ngood,a\nbad,b\n")
    with pytest.raises(DataError, match="list of class names"):
        load_data(path, labels="ab")


def test_mapping_from_split_to_file(tmp_path):
    files = {
        "test": write(tmp_path, "b.csv", csv_of(ROWS[6:])),
        "train": write(tmp_path, "a.csv", csv_of(ROWS[:6])),
    }
    assert as_read(files, "train") == as_written(ROWS[:6])
    assert as_read(files, "test") == as_written(ROWS[6:])
    assert list(load_data(files)) == ["train", "validation", "test"]


def test_split_that_is_not_there_is_named_with_near_matches(tmp_path):
    data = load_data(write(tmp_path, "a.csv", csv_of(ROWS)))
    with pytest.raises(DataError, match=r"no split 'tset'.*train, validation, test.*Did you mean 'test'"):
        data["tset"]


def test_missing_file_of_a_mapping_is_named(tmp_path):
    train = write(tmp_path, "train.csv", csv_of(ROWS))
    with pytest.raises(DataError, match=r"tset\.csv: no such file"):
        load_data({"train": train, "test": tmp_path / "tset.csv"})


def test_unknown_split_of_a_mapping_names_its_near_match(tmp_path):
    with pytest.raises(DataError, match=r"Unknown split 'validaton'.*Did you mean 'validation'"):
        load_data({"validaton": write(tmp_path, "a.csv", csv_of(ROWS))})


def test_mapping_without_a_split_is_an_error():
    with pytest.raises(DataError):
        load_data({})


def test_unknown_data_set_names_its_near_match():
    with pytest.raises(DataError, match=r"Unknown data set 'rotten_tomatos'.*mean 'rotten_tomatoes'"):
        load_data("rotten_tomatos")


def test_unknown_data_set_without_near_match_says_what_can_be_loaded():
    with pytest.raises(
        DataError,
        match=r"data set 'zzz'.*rotten_tomatoes.*stanfordnlp/sst2.*\.parquet",
    ):
        load_data("zzz")


def test_file_too_small_to_cut_names_the_empty_split(tmp_path):
    with pytest.raises(DataError, match=r"'test' is empty after cutting.*more rows"):
        load_data(write(tmp_path, "a.csv", csv_of(ROWS[:2])))


def test_train_that_all_stands_in_test_names_the_empty_split(tmp_path):
    path = write(tmp_path, "a.csv", csv_of(ROWS))
    with pytest.raises(DataError, match=r"'train' is empty"):
        load_data({"train": path, "test": path})


def test_label_of_test_that_train_does_not_have_is_an_error(tmp_path):
    train = write(tmp_path, "train.csv", csv_of([{"text": f"t{i}", "label": 1 + i % 2} for i in range(6)]))
    test = write(tmp_path, "test.csv", csv_of([{"text": "other", "label": 0}]))
    with pytest.raises(DataError, match=r"test\.csv.*row 1.*'0'.*1, 2"):
        load_data({"train": train, "test": test}, cut_missing=False)


@pytest.mark.parametrize("streaming", [False, True])
def test_all_rows_without_a_text_are_counted_at_once(streaming):
    texts = ["a film", "", "a plot", None, "  ", "a story"]
    rows = [{"text": text, "label": number % 2} for number, text in enumerate(texts)]
    with pytest.raises(DataError, match=r"row 2 has an empty text\. So have 2 of the rows after it\. Fill them in"):
        list(load_data(rows, cut_missing=False, streaming=streaming)["test"])
