"""Values as colours: a line of tokens, or a table of neurons by tokens; also where no script runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.colors import to_hex, to_rgb

from safr_lens.views.charts import AGAINST, FOR, IMPORTANCE
from safr_lens.views.components import Component, token_colors

FAINTEST = 0.02  # below this share of the strongest a cell would look white


@dataclass(frozen=True)
class TokenHeatmap:
    """Coloured tokens.

    Attributes:
        component: the circuitsvis component.
        fallback: each token with its background colour.
        unknown: tokens that the model does not know, which are outlined.
    """

    component: Component
    fallback: list[tuple[str, str]]
    unknown: list[bool]


@dataclass(frozen=True)
class Heatmap:
    """A table of signed values.

    Attributes:
        rows, columns: their names.
        cells: for each row its values, each with its colour; None for a value too small to be seen.
        largest: the absolute value of the strongest.
    """

    rows: list[str]
    columns: list[str]
    cells: list[list[tuple[float, str] | None]]
    largest: float


def token_heatmap(
    tokens: Sequence[str],
    values: Sequence[float],
    *,
    high: float = 1.0,
    color: str = IMPORTANCE,
    unknown: Sequence[bool] = (),
) -> TokenHeatmap:
    """Return tokens coloured from 0 (white) to ``high``; those that are ``unknown`` are outlined."""
    return _token_heatmap(tokens, values, unknown, high=high, positive=color, negative="#ffffff")


def signed_token_heatmap(
    tokens: Sequence[str],
    values: Sequence[float],
    *,
    largest: float | None = None,
    unknown: Sequence[bool] = (),
) -> TokenHeatmap:
    """Return tokens coloured by signed evidence, relative to ``largest`` or to the strongest; ``unknown`` outlined."""
    if largest is None or not math.isfinite(largest):
        largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return _token_heatmap(tokens, values, unknown, high=max(largest, 1e-12), positive=FOR, negative=AGAINST)


def heatmap(rows: Sequence[str], columns: Sequence[str], values: Sequence[Sequence[float]]) -> Heatmap:
    """Return values as colours relative to the strongest, 0 white; what is not finite has none.

    >>> heatmap(["n"], ["a", "b"], [[2.0, 0.0]]).cells
    [[(2.0, '#4393c3'), None]]
    """
    finite = [abs(value) for row in values for value in row if math.isfinite(value)]
    largest = max(finite, default=0.0)

    def cell(value: float) -> tuple[float, str] | None:
        if not math.isfinite(value) or not largest or abs(value) < FAINTEST * largest:
            return None
        return value, _mixed(value, largest, FOR, AGAINST)

    return Heatmap(list(rows), list(columns), [[cell(value) for value in row] for row in values], largest)


def _token_heatmap(
    tokens: Sequence[str],
    values: Sequence[float],
    unknown: Sequence[bool],
    *,
    high: float,
    positive: str,
    negative: str,
) -> TokenHeatmap:
    component = token_colors(tokens, values, low=-high, high=high, positive=positive, negative=negative)
    colors = [_mixed(value, high, positive, negative) for value in values]
    return TokenHeatmap(component, list(zip(tokens, colors, strict=True)), list(unknown) or [False] * len(tokens))


def _mixed(value: float, high: float, positive: str, negative: str) -> str:
    share = 0.0 if math.isnan(value) else max(-1.0, min(1.0, value / high))
    color = to_rgb(positive if share > 0 else negative)
    return to_hex([1 - abs(share) * (1 - part) for part in color])
