"""What commands print: tables for people, JSON for programs; of several processes one speaks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from safr_lens.json_values import without_nan
from safr_lens.launch import speaks
from safr_lens.visible import visible

if TYPE_CHECKING:
    from safr_lens.analysis.comparison import Difference

WIDEST = 24
"""Characters up to which a cell, or a word of the first column, is kept on one line where the terminal is narrow."""
LONGEST_NAME = 13
GAP = 2


def print_json(value: Any) -> None:
    """Print one JSON value on standard output."""
    if speaks():
        typer.echo(json.dumps(without_nan(value), indent=2, allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, without markup; what is hidden in its cells is made visible, and only line ends stay.

    Columns that the terminal has no room for follow in a table below.
    """
    columns, rows = _visible(columns), [_visible(row) for row in rows]
    cells = [[row[index] for row in rows] for index in range(len(columns))]
    # as wide as its numbers: it is the heading that is broken, and the first column that gets the rest
    widths = [_longest(word for cell in (columns[0], *cells[0]) for word in cell.split())]
    for column, below in zip(columns[1:], cells[1:], strict=True):
        widths.append(_longest([*column.split(), *(line for cell in below for line in cell.split("\n"))]))
    console = Console(quiet=not speaks())
    console.print(Text(visible(title), style="bold"), soft_wrap=True)  # as a part of the table it may lose its end
    for part in _parts([min(WIDEST, width) for width in widths], console.width):
        table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        table.add_column(Text(columns[0]), overflow="fold", min_width=min(WIDEST, widths[0]))
        for index in part:
            width = widths[index] if widths[index] <= WIDEST else None
            table.add_column(Text(columns[index]), justify="right", overflow="fold", width=width)
        for row in rows:
            table.add_row(Text(row[0]), *(Text(row[index]) for index in part))
        console.print(table)


def _parts(widths: Sequence[int], room: int) -> list[list[int]]:
    """Return which columns stand beside the first one, table by table."""
    parts: list[list[int]] = [[]]
    for index in range(1, len(widths)):
        beside = [0, *parts[-1], index]
        if parts[-1] and sum(widths[one] + GAP for one in beside) > room:
            parts.append([])
        parts[-1].append(index)
    return parts


def _visible(cells: Sequence[str]) -> list[str]:
    return [visible(cell, keep="\n") for cell in cells]


def _longest(texts: Iterable[str]) -> int:
    return max(map(len, texts), default=0)


def say(*lines: str) -> None:
    """Print lines for people on standard output; what is hidden in them is made visible."""
    console = Console(soft_wrap=True, quiet=not speaks())
    for line in lines:
        console.print(Text(visible(line)))


def say_data(
    labels: Mapping[str, str], seen: Mapping[str, Mapping[str, int] | None] | None = None, warnings: Iterable[str] = ()
) -> None:
    """Print what labels mean where they are not the names of classes, which texts runs were trained on, and warnings.

    How many texts a run has seen is not said where it is among the warnings already.
    """
    from safr_lens.data.label_mapping import differing
    from safr_lens.runs.seen import seen_sentence, seen_warnings

    if pairs := differing(labels):
        say(f"Labels of the data: {pairs}")
    for run, counts in (seen or {}).items():
        if not seen_warnings(counts):
            say(f"{f'{run}: ' if len(seen or {}) > 1 else ''}{seen_sentence(counts)}")
    say(*(f"Warning: {warning}" for warning in warnings))


def print_differences(name: str, baseline: str, rows: Sequence[Difference]) -> None:
    """Print one row a measure: both values, the difference with its interval below it, and the verdict."""
    from safr_lens.measures.registry import MEASURES

    table = []
    for row in rows:
        measure = MEASURES[row.measure]
        span = measure.span((row.low, row.high), sign=True)
        table.append(
            [
                f"{measure.title}{' above null' if row.above_null else ''} {measure.arrow}".strip(),
                measure.shown(row.baseline),
                measure.shown(row.value),
                measure.shown(row.difference, sign=True) + (f"\n{span}" if span else ""),
                row.verdict.replace(" ", "\n"),
            ]
        )
    columns = ["measure", _heading(baseline), _heading(name), "difference\n95 % interval", "verdict"]
    print_table(f"{name} against {baseline}", columns, table)


def say_verdicts() -> None:
    """Print what arrows and verdicts mean, below the last table of differences."""
    from safr_lens.measures.registry import ARROWS

    say(ARROWS, "Within noise: the interval holds 0. Unknown: there is no interval.")


def _heading(name: str) -> str:
    """Return the last part of a run's path, short; the title has the whole of it."""
    last = name.rstrip("/").rpartition("/")[2]
    return last if len(last) <= LONGEST_NAME else f"{last[: LONGEST_NAME - 1]}…"


def points(share: float) -> str:
    """Return a share as percentage points."""
    return f"{100 * share:.1f}"
