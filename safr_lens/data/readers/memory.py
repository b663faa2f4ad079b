"""Data in memory: DataFrames, data sets, rows, columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from safr_lens.data.sources import Part, ReadOptions, Source, register_source


def _takes(data: Any) -> bool:
    return isinstance(data, Iterable) and not isinstance(data, (str, bytes, Path))


def _parts(data: Any, options: ReadOptions) -> dict[str, Part]:
    from safr_lens.data.rows import rows_of

    rows = rows_of(list(data) if isinstance(data, Iterator) else data, split=None)
    return {"train": Part(rows.what, lambda log: rows.raw(), rows.features)}


register_source(Source("memory", lambda: "", _takes, _parts, order=90))
