"""How many measured texts a run was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from safr_lens.data.row_fingerprints import SplitFingerprint
from safr_lens.runs.seen import UNKNOWN, rows_of, seen_counts, seen_sentence, seen_warnings


def numbers(*values):
    return np.array(values, dtype=np.uint64)


ROWS = {
    "train": SplitFingerprint(numbers(1, 2, 3, 3), np.zeros(4, dtype=np.int64)),
    "validation": SplitFingerprint(numbers(4, 2), np.zeros(2, dtype=np.int64)),
    "test": SplitFingerprint(numbers(5, 6, 4, 1), np.zeros(4, dtype=np.int64)),
}


@pytest.mark.parametrize(
    ("texts", "counts"),
    [
        ((), (0, 0, 0, 0)),
        ((9, 8), (0, 0, 0, 2)),
        ((1, 4, 5, 9), (1, 1, 1, 1)),
        ((3, 3, 3), (3, 0, 0, 0)),  # copies count each
        ((2, 1, 4), (2, 1, 0, 0)),  # a text in two splits counts for the first
        ((2**64 - 1, 5), (0, 0, 1, 1)),
    ],
)
def test_each_text_counts_once(texts, counts):
    found = seen_counts(numbers(*texts), ROWS)
    assert tuple(found.values()) == counts and list(found) == ["train", "validation", "test", "new"]


def test_rows_of_a_split_are_those_that_were_not_trained_on_more():
    texts = numbers(6, 4, 1, 5, 9, 2)
    assert rows_of(texts, ROWS, "test").tolist() == [True, False, False, True, False, False]
    assert rows_of(texts, ROWS, "validation").tolist() == [False, True, False, False, False, False]
    assert rows_of(texts, ROWS, "train").tolist() == [False, False, True, False, False, True]
    assert not rows_of(texts, {"train": ROWS["train"]}, "test").any()


@pytest.mark.parametrize(
    ("counts", "said", "warns"),
    [
        ((37, 0, 3, 160), "37 of 200 texts were trained on.", True),
        ((1, 0, 0, 0), "1 of 1 texts was trained on.", True),
        ((0, 0, 40, 0), "0 of 40 texts were trained on.", False),
        ((5, 2, 0, 0), "5 of 7 texts were trained on, and 2 were used to choose the best epoch.", True),
        ((0, 1, 2, 0), "0 of 3 texts were trained on, and 1 was used to choose the best epoch.", True),
    ],
)
def test_it_is_said_in_one_sentence_and_warned_of(counts, said, warns):
    counted = dict(zip(("train", "validation", "test", "new"), counts, strict=True))
    assert seen_sentence(counted) == said
    assert seen_warnings(counted) == ([said] if warns else [])


def test_a_run_that_keeps_no_rows_says_that_nobody_knows():
    assert seen_warnings(None) == [UNKNOWN]
