"""Finished cells: one parquet file with one row a cell, and those finished since as one small JSON file each.

A cell is written as JSON, so that processes that run side by side never write to the same file. Reading merges both;
:func:`write_cells` puts all into the parquet file. It leaves the JSON files, since a process that merges at the same
time may have read before they were there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from safr_lens.atomic import replacing, write_json

CELLS, FINISHED = "cells.parquet", "finished"
# columns that hold a value by name; which names there are differs between cells
NAMED = ("figures", "probes", "embedding", "redundancy", "naopc", "versions")


def read_cells(folder: Path) -> list[dict[str, Any]]:
    """Return all finished cells, ordered by stage and name."""
    path = folder / CELLS
    found = [_as_cell(row) for row in pq.read_table(path).to_pylist()] if path.exists() else []
    found += [json.loads(one.read_text(encoding="utf-8")) for one in sorted((folder / FINISHED).glob("*.json"))]
    by_name = {(cell["stage"], cell["name"]): cell for cell in found}
    return [by_name[key] for key in sorted(by_name)]


def write_cell(folder: Path, cell: dict[str, Any]) -> None:
    """Write one finished cell to a file of its own."""
    write_json(folder / FINISHED / f"{cell['stage']}-{cell['name']}.json", cell)


def write_cells(folder: Path, cells: list[dict[str, Any]]) -> None:
    """Write cells to the parquet file."""
    table = pa.Table.from_struct_array(pa.array([_as_row(cell) for cell in cells]))
    with replacing(folder / CELLS) as path:
        pq.write_table(table, path, compression="zstd", compression_level=19)


def _as_row(cell: dict[str, Any]) -> dict[str, Any]:
    # parquet knows neither empty structs nor columns of mixed types
    filled = {name: cell.get(name) or None for name in NAMED}
    return {**cell, **filled, "settings": json.dumps(cell["settings"])}


def _as_cell(row: dict[str, Any]) -> dict[str, Any]:
    named = {name: {key: one for key, one in (row[name] or {}).items() if one is not None} for name in NAMED}
    return {**row, **named, "settings": json.loads(row["settings"])}
