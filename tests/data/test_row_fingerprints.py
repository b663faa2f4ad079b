"""Fingerprints of rows: texts are the same but for case, width and spacing; anything else is noticed and named."""

from __future__ import annotations

import pytest
from datasets import Dataset, IterableDataset

from safr_lens.data.row_fingerprints import split_fingerprint, text_number

ROWS = [{"text": f"film {i}", "label": i % 2} for i in range(6)]


def changed(number, **values):
    return [row | values if i == number else row for i, row in enumerate(ROWS)]


def test_a_text_has_one_number_whatever_its_case_width_and_spacing():
    numbers = {text_number(text) for text in ("A  good film", "a good FILM ", "a good ﬁlm", "a\tgood\nfilm")}
    assert len(numbers) == 1 and 0 <= min(numbers) < 2**64
    others = {text_number(text) for text in ("a good films", "a good", "good a film", "a göod film", "")}
    assert len(others) == 5 and not others & numbers


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (ROWS, ""),
        (changed(2, label=1), "1 text other labels"),
        (changed(2, text="another"), "1 text removed, 1 text new"),
        (ROWS[:-2], "2 texts removed"),
        ([*ROWS, ROWS[0]], "1 text new"),
        (changed(1, text="another", label=0)[:5], "2 texts removed, 1 text new"),
        (ROWS[::-1], "the same texts in another order or spelling"),
        (changed(0, text="FILM 0"), "the same texts in another order or spelling"),
    ],
)
def test_a_difference_is_said_in_words(after, said):
    assert split_fingerprint(ROWS).difference(split_fingerprint(after)) == said


def test_every_changed_label_is_counted():
    flipped = [{"text": row["text"], "label": 1 - row["label"]} for row in ROWS]
    assert split_fingerprint(ROWS).difference(split_fingerprint(flipped)) == "6 texts other labels"


def test_data_sets_streams_and_lists_have_the_same_fingerprint():
    kinds = [ROWS, Dataset.from_list(ROWS), IterableDataset.from_generator(lambda: iter(ROWS))]
    first, *others = map(split_fingerprint, kinds)
    assert {one.checksum for one in others} == {first.checksum}
    assert first.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert first.texts.tolist() == [text_number(row["text"]) for row in ROWS]


def test_where_a_text_ends_is_part_of_the_checksum():
    one, other = (
        [{"text": "ab", "label": 0}, {"text": "c", "label": 0}],
        [{"text": "a", "label": 0}, {"text": "bc", "label": 0}],
    )
    assert split_fingerprint(one).checksum != split_fingerprint(other).checksum


def test_texts_without_labels_and_with_surrogates_have_a_fingerprint():
    assert split_fingerprint([{"text": "a \ud800 film"}]).labels.tolist() == [-1]
