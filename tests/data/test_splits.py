"""Cut splits: deterministic, stratified, no text in two of them; given splits are kept."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from safr_lens import TextData, load_data
from safr_lens.data.row_fingerprints import text_key
from safr_lens.data.splits import SHARES, hash_share


def write(path: Path, rows: list[tuple[str, object]]) -> Path:
    path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows), encoding="utf-8")
    return path


def numbered(n: int, *, classes: tuple = ("neg", "pos"), prefix: str = "text") -> list[tuple[str, object]]:
    return [(f"{prefix} {i}", classes[i % len(classes)]) for i in range(n)]


def place(data: TextData) -> dict[str, str]:
    """Return the split of each text."""
    return {row["text"]: name for name, split in data.items() for row in split}


def keys(data: TextData, split: str) -> set[str]:
    return {text_key(row["text"]) for row in data[split]}


def test_splits_are_cut_the_same_way_each_time(tmp_path):
    path = write(tmp_path / "a.csv", numbered(100))
    once, again = ({name: list(split) for name, split in load_data(path).items()} for _ in range(2))
    assert once == again


def test_order_of_the_rows_does_not_decide_where_they_go(tmp_path):
    rows = numbered(100)
    ahead, back = write(tmp_path / "a.csv", rows), write(tmp_path / "b.csv", rows[::-1])
    assert place(load_data(ahead)) == place(load_data(back))


def test_every_row_goes_to_exactly_one_split(tmp_path):
    rows = numbered(100)
    data = load_data(write(tmp_path / "a.csv", rows))
    placed = [(row["text"], data.labels[row["label"]]) for split in data.values() for row in split]
    assert sorted(placed) == sorted(rows)


def test_every_class_is_cut_by_its_share_within_one_row(tmp_path):
    rows = [(f"text {i}", "abc"[0 if i < 120 else 1 if i < 167 else 2]) for i in range(180)]
    data = load_data(write(tmp_path / "a.csv", rows))
    counts = {name: Counter(data.labels[row["label"]] for row in split) for name, split in data.items()}
    for label, total in Counter(label for _, label in rows).items():
        assert abs(counts["test"][label] - SHARES["test"] * total) <= 1
        left = total - counts["test"][label]
        assert abs(counts["validation"][label] - SHARES["validation"] * left) <= 1


def test_a_rare_class_stays_in_train(tmp_path):
    data = load_data(write(tmp_path / "a.csv", [*numbered(40), ("a rare text", "rare")]))
    assert place(data)["a rare text"] == "train"


def test_copies_of_a_text_go_the_same_way_whatever_their_case_spacing_and_label(tmp_path):
    rows = []
    for i in range(60):
        label = ("neg", "pos")[i % 2]
        rows += [(f"Film {i}", label), (f"film  {i} ", label), (f"FILM\u00a0{i}", ("neg", "pos")[i % 3 == 0])]
    data = load_data(write(tmp_path / "a.csv", rows))
    assert sum(map(len, data.values())) == len(rows)
    assert not keys(data, "train") & keys(data, "test")
    assert not keys(data, "train") & keys(data, "validation")
    assert not keys(data, "validation") & keys(data, "test")


@pytest.mark.parametrize(
    ("left", "right"), [("A  Good film", "a good film "), ("film", "ﬁlm"), ("tab\there", "tab here")]
)
def test_texts_that_count_as_the_same(left, right):
    assert text_key(left) == text_key(right)
    assert hash_share(left) == hash_share(right)


def test_texts_that_count_as_different():
    assert text_key("a good film") != text_key("a good film .")
    assert text_key("a good film") != text_key("agood film")


def test_another_split_seed_cuts_other_splits(tmp_path):
    path = write(tmp_path / "a.csv", numbered(200))
    assert keys(load_data(path, split_seed=0), "test") != keys(load_data(path, split_seed=1), "test")
    assert keys(load_data(path, split_seed=1), "test") == keys(load_data(path, split_seed=1), "test")


def test_adding_rows_hardly_moves_the_others(tmp_path):
    rows = numbered(400)
    before = place(load_data(write(tmp_path / "a.csv", rows)))
    after = place(load_data(write(tmp_path / "b.csv", rows + numbered(20, prefix="new"))))
    moved = sum(before[text] != after[text] for text in before)
    assert moved <= 20  # a cut by position in a shuffle would move about 40 %


def test_given_splits_are_kept_and_overlapping_train_rows_dropped_with_a_note(tmp_path):
    files = {
        "train": write(tmp_path / "a.csv", [*numbered(30), ("SHARED  one", "pos"), ("shared two", "neg")]),
        "validation": write(tmp_path / "v.csv", [*numbered(6, prefix="val"), ("shared one", "pos")]),
        "test": write(tmp_path / "t.csv", [*numbered(8, prefix="test"), ("Shared two", "neg")]),
    }
    data = load_data(files)
    assert {name: len(split) for name, split in data.items()} == {"train": 30, "validation": 7, "test": 9}
    assert not keys(data, "train") & (keys(data, "validation") | keys(data, "test"))
    assert [note for note in data.notes if note.startswith("2 rows of train")]


def test_validation_rows_that_stand_in_test_are_dropped_with_a_note(tmp_path):
    files = {
        "train": write(tmp_path / "train.csv", numbered(30)),
        "validation": write(tmp_path / "v.csv", [*numbered(6, prefix="val"), ("shared", "pos")]),
        "test": write(tmp_path / "t.csv", [*numbered(8, prefix="test"), ("Shared", "pos")]),
    }
    data = load_data(files)
    assert {name: len(split) for name, split in data.items()} == {"train": 30, "validation": 6, "test": 9}
    assert [note for note in data.notes if note.startswith("1 rows of validation")]


def test_only_the_missing_split_is_cut_and_a_note_says_so(tmp_path):
    test = numbered(10, prefix="test")
    files = {"train": write(tmp_path / "a.csv", numbered(60)), "test": write(tmp_path / "t.csv", test)}
    data = load_data(files)
    assert [row["text"] for row in data["test"]] == [text for text, _ in test]
    assert len(data["validation"]) == SHARES["validation"] * 60
    assert len(data["train"]) + len(data["validation"]) == 60
    assert [note for note in data.notes if "validation was cut from train" in note]
    assert not [note for note in data.notes if "test was cut" in note]


def test_without_cutting_a_single_file_is_the_test_split(tmp_path):
    rows = numbered(20)
    data = load_data(write(tmp_path / "a.csv", rows), cut_missing=False)
    assert list(data) == ["test"]
    assert [row["text"] for row in data["test"]] == [text for text, _ in rows]


def test_without_cutting_given_splits_stay_what_they_are(tmp_path):
    files = {
        "train": write(tmp_path / "a.csv", numbered(20)),
        "test": write(tmp_path / "t.csv", [("z", "neg")]),
    }
    data = load_data(files, cut_missing=False)
    assert {name: len(split) for name, split in data.items()} == {"train": 20, "test": 1}
