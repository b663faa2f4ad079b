"""A table of signed values as colours: read by eye, by screen reader, and without scripts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from safr_lens.views.strips import signed_color

FAINTEST = 0.02  # below this share of the strongest a cell would look white


@dataclass(frozen=True)
class Heat:
    """Values by row and column.

    Attributes:
        rows, columns: their names.
        cells: for each row its values, each with its colour; None for a value too small to be seen.
        largest: the absolute value of the strongest.
    """

    rows: list[str]
    columns: list[str]
    cells: list[list[tuple[float, str] | None]]
    largest: float


def heat(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]]) -> Heat:
    """Return values as colours relative to the strongest, 0 white; what is not finite has none.

    >>> heat(["n"], ["a", "b"], [[2.0, 0.0]]).cells
    [[(2.0, '#4393c3'), None]]
    """
    finite = [abs(value) for row in values for value in row if math.isfinite(value)]
    largest = max(finite, default=0.0)

    def cell(value: float) -> tuple[float, str] | None:
        if not math.isfinite(value) or not largest or abs(value) < FAINTEST * largest:
            return None
        return value, signed_color(value / largest)

    return Heat(list(rows), list(columns), [[cell(value) for value in row] for row in values], largest)
