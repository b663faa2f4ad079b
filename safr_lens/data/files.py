"""Rows of local csv, tsv, jsonl and parquet files, one at a time."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
from datasets import Features

from safr_lens.errors import DataError, near_matches

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of one file as mappings from column to value.

    A tsv file has no quoting. A csv or tsv file may lack its header when it has two columns, text and a
    whole-number label.

    Raises:
        DataError: a file that is missing, of another type, not UTF-8, or not what its ending says.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{path}: expected a file ending in {', '.join(SUFFIXES)}.{near_matches(path.suffix, SUFFIXES)}"
        )
    if not path.is_file():
        raise missing_file(path)
    reader = {".jsonl": _jsonl_rows, ".parquet": _parquet_rows}.get(path.suffix.lower(), _csv_rows)
    try:
        yield from reader(path)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte 0x{error.object[error.start]:02x}, {error.reason}). "
            f"Convert it, e.g. iconv -f latin1 -t utf-8 {path.name} > utf8{path.suffix}"
        ) from None
    except (csv.Error, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read as {path.suffix[1:]}: {error}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def declared_features(path: Path) -> dict[str, Any]:
    """Return the types that ``datasets`` declared for the columns of a parquet file, such as class names."""
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return {}
    try:
        schema = pyarrow.parquet.read_schema(path)
    except (pyarrow.ArrowException, OSError):  # said when the rows are read
        return {}
    return dict(Features.from_arrow_schema(schema)) if b"huggingface" in (schema.metadata or {}) else {}


def folder_files(folder: Path) -> dict[str, Path]:
    """Return the file of each split in a folder: ``train.*``, ``validation.*`` (or dev, val, valid), ``test.*``."""
    paths: dict[str, Path] = {}
    for split, names in SPLIT_NAMES.items():
        files = [p for p in sorted(folder.iterdir()) if p.stem.lower() in names and p.suffix.lower() in SUFFIXES]
        if len(files) > 1:
            raise DataError(f"{folder} has more than one {split} file: {', '.join(p.name for p in files)}. Keep one.")
        if files:
            paths[split] = files[0]
    if "train" not in paths and "test" not in paths:
        have = ", ".join(sorted(p.name for p in folder.iterdir())[:10]) or "nothing"
        raise DataError(
            f"{folder}: expected train, validation or test files ending in {', '.join(SUFFIXES)}; it holds {have}."
        )
    return paths


def missing_file(path: Path) -> DataError:
    """Return the error for a path that does not exist, with near matches from its folder."""
    siblings = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    return DataError(f"{path}: no such file or folder.{near_matches(path.name, siblings)}")


def _csv_rows(path: Path) -> Iterator[dict[str, Any]]:
    dialect: dict[str, Any] = {"delimiter": ","}
    if path.suffix.lower() == ".tsv":
        dialect = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, **dialect)
        first = next(reader, None)
        if first is None:
            raise DataError(f"{path} is empty.")
        repeated = [column for column in first if first.count(column) > 1]
        header = _headerless_columns(first)
        if repeated and header is None:
            raise DataError(f"{path} has more than one column {repeated[0]!r}. Rename or remove one.")
        if header is not None:
            yield dict(zip(header, first, strict=True))
        header = header or first
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise DataError(f"{path}, line {reader.line_num}: expected {len(header)} columns, found {len(cells)}.")
            yield dict(zip(header, cells, strict=True))


def _headerless_columns(first: list[str]) -> list[str] | None:
    numbers = [cell.strip().isdigit() for cell in first]
    if len(first) != 2 or not any(numbers):
        return None
    return ["label", "text"] if numbers == [True, False] else ["text", "label"]


def _jsonl_rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{path}, line {number}: not JSON ({error.msg}).") from None
            if not isinstance(row, dict):
                raise DataError(f"{path}, line {number}: expected an object, found {type(row).__name__}.")
            yield row


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()
