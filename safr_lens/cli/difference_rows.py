"""Differences between runs as a table."""

from __future__ import annotations

from collections.abc import Sequence

from safr_lens.analysis.comparison import Difference
from safr_lens.cli.output import print_table
from safr_lens.measures.registry import MEASURES

LONGEST_NAME = 13


def print_differences(name: str, baseline: str, rows: Sequence[Difference]) -> None:
    """Print one row a measure: both values, the difference with its interval below it, and the verdict."""
    table = []
    for row in rows:
        measure = MEASURES[row.measure]
        above = " above null" if row.above_null else ""
        span = measure.span((row.low, row.high), sign=True)
        table.append(
            [
                measure.title + above,
                measure.shown(row.baseline),
                measure.shown(row.value),
                measure.shown(row.difference, sign=True) + (f"\n{span}" if span else ""),
                row.verdict.replace(" ", "\n"),
            ]
        )
    columns = ["measure", _heading(baseline), _heading(name), "difference\n95 % interval", "verdict"]
    print_table(f"{name} against {baseline}", columns, table)


def _heading(name: str) -> str:
    """Return the last part of a run's path, short; the title has the whole of it."""
    last = name.rstrip("/").rpartition("/")[2]
    return last if len(last) <= LONGEST_NAME else f"{last[: LONGEST_NAME - 1]}…"
