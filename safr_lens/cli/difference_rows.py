"""Differences between runs as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence

from safr_lens.cli.output import print_table
from safr_lens.comparison import Difference
from safr_lens.measures.catalogue import CATALOGUE

LONGEST_NAME = 13


def print_differences(name: str, baseline: str, rows: Sequence[Difference]) -> None:
    """Print one row a figure: both values, the difference with its interval below it, and the verdict."""
    table = []
    for row in rows:
        entry = CATALOGUE[row.figure]
        above = " above null" if row.above_null else ""
        low, high = (entry.shown(end, sign=True) for end in (row.low, row.high))
        table.append(
            [
                entry.title + above,
                entry.shown(row.baseline),
                entry.shown(row.value),
                entry.shown(row.difference, sign=True) + ("" if math.isnan(row.low) else f"\n{low} to {high}"),
                row.verdict.replace(" ", "\n"),
            ]
        )
    columns = ["measure", _heading(baseline), _heading(name), "difference, 95 % interval", "verdict"]
    print_table(f"{name} against {baseline}", columns, table)


def _heading(name: str) -> str:
    """Return the last part of a run's path, short; the title has the whole of it."""
    last = name.rstrip("/").rpartition("/")[2]
    return last if len(last) <= LONGEST_NAME else f"{last[: LONGEST_NAME - 1]}…"
