"""Sources that look like something else, and columns that are there twice."""

from __future__ import annotations

import datasets
import pytest

from safr_lens import load_data, train_tokenizer
from safr_lens.errors import ConfigError, DataError


def test_two_columns_of_one_name_are_an_error(tmp_path):
    path = tmp_path / "reviews.csv"
    path.write_text("text,label,label\ngood,1,0\n")
    with pytest.raises(DataError, match="more than one column 'label'"):
        load_data(path)


def test_a_file_without_header_may_begin_with_a_text_that_is_a_number(tmp_path):
    path = tmp_path / "reviews.tsv"
    path.write_text("10\t1\n" + "".join(f"text {i}\t{i % 2}\n" for i in range(9)))
    data = load_data(path, cut_missing=False)
    assert data["test"][0] == {"text": "10", "label": 1}


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


def test_a_decomposed_accent_is_shown_with_its_letter():
    tokenizer = train_tokenizer(["a café scene"], min_frequency=1)
    encoding = tokenizer.encode("cafe\u0301 scene", n_ctx=8)
    assert encoding.tokens == ["café", "scene"]
    assert encoding.ids == tokenizer.encode("café scene", n_ctx=8).ids


@pytest.mark.parametrize("size", [{"min_frequency": 0}, {"max_vocab": 2}])
def test_a_vocabulary_without_room_is_an_error(size):
    with pytest.raises(ConfigError, match="min_frequency >= 1 and max_vocab >= 3"):
        train_tokenizer(["a film"], **size)
