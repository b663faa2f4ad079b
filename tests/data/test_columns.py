"""Which columns hold text and label."""

from __future__ import annotations

import pytest

from safr_lens.errors import DataError
from tests.data.local_files import as_read, write


def test_columns_may_be_named(tmp_path):
    path = write(tmp_path, "a.csv", "text,body,stars,label\nno,good,high,0\nno,bad,low,0\n")
    assert as_read(path, text_column="body", label_column="stars") == [("good", "high"), ("bad", "low")]


def test_usual_columns_are_found_whatever_their_case(tmp_path):
    assert as_read(write(tmp_path, "a.csv", "Review,Sentiment\ngood,pos\nbad,neg\n")) == [
        ("good", "pos"),
        ("bad", "neg"),
    ]


def test_one_column_is_not_text_and_label_at_once(tmp_path):
    path = write(tmp_path, "a.csv", "id,comment,verdict\n1,good,high\n2,bad,low\n")
    with pytest.raises(DataError, match=r"both to be read from column 'comment'; it has .*'verdict'"):
        as_read(path, text_column="comment", label_column="comment")
