"""A line of tokens coloured by a value, drawn by circuitsvis and, where no script runs, as plain coloured text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.colors import to_hex, to_rgb

from safr_lens.views.charts import AGAINST, FOR, IMPORTANCE
from safr_lens.views.components import Component, token_colors


@dataclass(frozen=True)
class Strip:
    """Coloured tokens.

    Attributes:
        component: the circuitsvis component.
        fallback: each token with its background colour.
    """

    component: Component
    fallback: list[tuple[str, str]]


def share_strip(tokens: Sequence[str], values: Sequence[float], *, high: float = 1.0, color: str = IMPORTANCE) -> Strip:
    """Return tokens coloured from 0 (white) to ``high``."""
    return _strip(tokens, values, low=-high, high=high, positive=color, negative="#ffffff")


def evidence_strip(tokens: Sequence[str], values: Sequence[float], *, largest: float | None = None) -> Strip:
    """Return tokens coloured by signed evidence, relative to ``largest`` or to the strongest of them."""
    finite = [abs(value) for value in values if math.isfinite(value)]
    if largest is None or not math.isfinite(largest):
        largest = max(finite, default=0.0)
    high = max(largest, 1e-12)
    return _strip(tokens, values, low=-high, high=high, positive=FOR, negative=AGAINST)


def _strip(
    tokens: Sequence[str], values: Sequence[float], *, low: float, high: float, positive: str, negative: str
) -> Strip:
    component = token_colors(tokens, values, low=low, high=high, positive=positive, negative=negative)
    return Strip(
        component,
        [(token, _mixed(value, high, positive, negative)) for token, value in zip(tokens, values, strict=True)],
    )


def signed_color(share: float) -> str:
    """Return the colour of a share from -1 (against) over 0 (white) to 1 (for).

    >>> signed_color(0.0)
    '#ffffff'
    """
    return _mixed(share, 1.0, FOR, AGAINST)


def _mixed(value: float, high: float, positive: str, negative: str) -> str:
    share = 0.0 if math.isnan(value) else max(-1.0, min(1.0, value / high))
    color = to_rgb(positive if share > 0 else negative)
    return to_hex([1 - abs(share) * (1 - part) for part in color])
