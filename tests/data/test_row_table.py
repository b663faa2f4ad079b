"""Rows in memory come out as they went in, chosen in any number of steps, and stand in memory once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow
import pytest
from datasets import ClassLabel, Features, Value

from safr_lens import load_data
from safr_lens.data.row_fingerprints import text_key
from safr_lens.data.row_table import CHUNK, RowTable

FEATURES = Features({"text": Value("string"), "label": ClassLabel(names=["bad", "good"])})


def rows(n, *, ahead=""):
    return [{"text": f"{ahead}film {i} ü😀", "label": i % 2} for i in range(n)]


@pytest.mark.parametrize("n", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 3])
def test_rows_come_out_as_they_went_in(n):
    made = RowTable.of(iter(rows(n)))
    assert made.chosen().to_pylist() == rows(n)
    assert list(made.keys) == [text_key(row["text"]) for row in rows(n)]
    assert list(made.dataset(FEATURES)) == rows(n)
    assert made.dataset(FEATURES).features == FEATURES


def test_choices_add_up():
    made, n = RowTable.of(rows(3 * CHUNK)), 3 * CHUNK
    third = made.where(np.arange(n) % 3 == 0)
    sixth = third.where(third.labels.to_numpy() == 0)
    expected = [row for i, row in enumerate(rows(n)) if i % 6 == 0]
    assert sixth.chosen().to_pylist() == expected
    assert list(sixth.keys) == [text_key(row["text"]) for row in expected]
    assert len(sixth) == len(expected)


def test_other_rows_have_another_fingerprint():
    made = [RowTable.of(rows(5)), RowTable.of(rows(5)), RowTable.of(rows(5, ahead="a ")), RowTable.of(rows(6)[1:])]
    first, same, *others = (one.dataset(FEATURES)._fingerprint for one in made)
    assert first == same
    assert len({first, *others}) == 3


def test_a_corpus_is_held_once_and_copied_once():
    frame = pd.DataFrame(rows(20_000, ahead="a long text " * 30))
    before = pyarrow.total_allocated_bytes()
    data = load_data(frame)
    size = sum(split.data.nbytes for split in data.values())
    assert sum(len(split) for split in data.values()) == len(frame)
    assert pyarrow.total_allocated_bytes() - before < 1.5 * size
