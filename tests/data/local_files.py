"""Writes small files and shows what is read from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safr_lens import TextData, load_data

ROWS = [{"text": f"film number {i} is good", "label": ("neg", "pos")[i % 2]} for i in range(12)]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def csv_of(rows) -> str:
    return "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in rows)


def as_read(data: Any, split: str = "test", **options) -> list[tuple[str, str]]:
    """Return text and label name of each row of a split; data that is not loaded yet is, with nothing cut."""
    loaded = data if isinstance(data, TextData) else load_data(data, cut_missing=False, **options)
    return [(row["text"], loaded.labels[row["label"]]) for row in loaded[split]]


def as_written(rows) -> list[tuple[str, str]]:
    return [(row["text"], row["label"]) for row in rows]
