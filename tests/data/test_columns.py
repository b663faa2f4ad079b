"""Which columns hold text and label."""

from __future__ import annotations

from pathlib import Path

from safr_lens import load_data


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def as_read(path: Path | dict, split: str = "test", **options) -> list[tuple[str, str]]:
    """Return text and label name of each row of a split, nothing cut."""
    data = load_data(path, cut_missing=False, **options)
    return [(row["text"], data.labels[row["label"]]) for row in data[split]]


def test_columns_may_be_named(tmp_path):
    path = write(tmp_path, "a.csv", "text,body,stars,label\nno,good,high,0\nno,bad,low,0\n")
    assert as_read(path, text_column="body", label_column="stars") == [("good", "high"), ("bad", "low")]


def test_usual_columns_are_found_whatever_their_case(tmp_path):
    assert as_read(write(tmp_path, "a.csv", "Review,Sentiment\ngood,pos\nbad,neg\n")) == [
        ("good", "pos"),
        ("bad", "neg"),
    ]
