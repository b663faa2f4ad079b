"""circuitsvis components with their properties, made safe and read back from what circuitsvis renders."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import circuitsvis
import numpy as np
from circuitsvis.tokens import colored_tokens
from circuitsvis.utils.render import RenderedHTML

from safr_lens.views.inert import inert

_CALL = re.compile(r"render\(\s*\"[^\"]+\",\s*(?:CircuitsVis\.)?(\w+),\s*(\{.*\})\s*\)\s*</script>\s*$", re.DOTALL)


@dataclass(frozen=True)
class Component:
    """One circuitsvis component: its name and its properties as JSON that may stand inside a ``<script>``."""

    name: str
    props: str


def token_colors(
    tokens: Sequence[str],
    values: Sequence[float],
    *,
    low: float,
    high: float,
    positive: str,
    negative: str | None = None,
) -> Component:
    """Return tokens coloured by one value each, on a fixed scale from ``low`` to ``high``.

    Args:
        tokens: any text, however hostile.
        values: one a token; NaN counts as 0.
        low, high: ends of the scale, given since circuitsvis shows all-zero values as nothing without them.
        positive, negative: colours of the ends.
    """
    spaced = [inert(token) + " " for token in tokens]
    finite = np.nan_to_num(np.asarray(values, dtype=float), posinf=high, neginf=low)
    return _component(
        colored_tokens(
            spaced,
            [round(float(value), 4) for value in finite],
            min_value=low,
            max_value=high,
            positive_color=positive,
            negative_color=negative,
        )
    )


@cache
def script() -> str:
    """Return the circuitsvis bundle once, fit for one classic ``<script>`` of a page."""
    source = Path(circuitsvis.__file__).parent / "dist" / "cdn" / "iife.js"
    code = source.read_text(encoding="utf-8")
    code = re.sub(r"^//# sourceMappingURL=.*$", "", code, flags=re.MULTILINE)
    return re.sub(r"</(script)", r"<\\/\1", code, flags=re.IGNORECASE).replace("<!--", "<\\!--")


def json_in_script(value: Any) -> str:
    """Return JSON that neither ends nor escapes the ``<script>`` it stands in; NaN is not allowed.

    >>> print(json_in_script({"token": "</script>"}))
    {"token": "\\u003c/script>"}
    """
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def _component(rendered: RenderedHTML) -> Component:
    found = _CALL.search(str(rendered))
    if found is None:
        raise RuntimeError(f"circuitsvis {circuitsvis.__version__} renders in a way that is not known here.")
    return Component(found.group(1), json_in_script(json.loads(found.group(2))))
