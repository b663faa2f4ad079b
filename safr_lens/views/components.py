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
from circuitsvis.activations import text_neuron_activations
from circuitsvis.attention import attention_heads
from circuitsvis.tokens import colored_tokens
from circuitsvis.utils.render import RenderedHTML

from safr_lens.views.charts import AGAINST, FOR
from safr_lens.visible import shortened, visible

DIGITS = 4
WORD_JOINER = "\u2060"
_DEFAULT_COLORS = re.compile(r'(\w)="red",(\w)="blue"')
_CALL = re.compile(r"render\(\s*\"[^\"]+\",\s*(?:CircuitsVis\.)?(\w+),\s*(\{.*\})\s*\)\s*</script>\s*$", re.DOTALL)


def sanitized(text: str) -> str:
    """Return ``text`` so that no browser reads it as markup even where it is written into ``innerHTML``.

    A word joiner (zero width) after each ``<`` and ``&`` keeps them from opening a tag or an entity in every place
    where circuitsvis puts them: text, tooltips, labels. What :func:`~safr_lens.visible.visible` does is done, too.

    >>> sanitized("<br />").replace(WORD_JOINER, "|")
    '<|br />'
    """
    return visible(text).replace("<", f"<{WORD_JOINER}").replace("&", f"&{WORD_JOINER}")


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
    return _component(
        colored_tokens(
            [sanitized(token) + " " for token in tokens],
            _significant(
                np.clip(np.nan_to_num(np.asarray(values, dtype=float), posinf=high, neginf=low), low, high)
            ).tolist(),
            min_value=low,
            max_value=high,
            positive_color=positive,
            negative_color=negative,
        )
    )


def neuron_choice(tokens: Sequence[str], quantities: dict[str, np.ndarray], names: Sequence[str]) -> Component:
    """Return tokens coloured by a neuron that the reader chooses from a list, by name.

    Args:
        tokens: any text.
        quantities: what may be shown, each an array ``[pos, n_neurons]``; colours are relative to each neuron's
            largest magnitude.
        names: of the neurons.
    """
    values = np.stack([np.asarray(array, dtype=float) for array in quantities.values()], axis=1)
    finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    # circuitsvis scales each sign by itself, and shows nothing where the largest is 0: two hidden tokens set both ends
    ends = np.maximum(np.abs(finite).max(axis=0), 1e-6)
    return _component(
        text_neuron_activations(
            [*(sanitized(token) + " " for token in tokens), "", ""],
            _significant(np.concatenate([finite, [ends, -ends]])),
            first_dimension_name="show",
            second_dimension_name="neuron",
            first_dimension_labels=[sanitized(name) for name in quantities],
            second_dimension_labels=[sanitized(shortened(name, 80)) for name in names],
        )
    )


def head_patterns(tokens: Sequence[str], pattern: np.ndarray, *, high: float, color: str) -> Component:
    """Return the attention pattern ``[head_index pos pos]`` of each head, on a scale from 0 to ``high``."""
    return _component(
        attention_heads(
            np.round(np.nan_to_num(pattern.astype(float)), DIGITS).tolist(),
            [sanitized(shortened(token, 16)) for token in tokens],
            attention_head_names=[f"H{head}" for head in range(len(pattern))],
            min_value=0.0,
            max_value=high,
            positive_color=color,
            mask_upper_tri=False,
        )
    )


@cache
def script() -> str:
    """Return the circuitsvis bundle once, fit for one classic ``<script>`` of a page."""
    source = Path(circuitsvis.__file__).parent / "dist" / "cdn" / "iife.js"
    code = source.read_text(encoding="utf-8")
    code = re.sub(r"^//# sourceMappingURL=.*$", "", code, flags=re.MULTILINE)
    # where no colours can be given, for and against look as in all other views
    code, n_replaced = _DEFAULT_COLORS.subn(rf'\1="{AGAINST}",\2="{FOR}"', code)
    if n_replaced != 1:
        raise RuntimeError(
            f"circuitsvis {circuitsvis.__version__} chooses its colours in a way that is not known here."
        )
    return re.sub(r"</(script)", r"<\\/\1", code, flags=re.IGNORECASE).replace("<!--", "<\\!--")


def json_in_script(value: Any) -> str:
    """Return JSON that neither ends nor escapes the ``<script>`` it stands in; NaN is not allowed.

    >>> print(json_in_script({"token": "</script>"}))
    {"token": "\\u003c/script>"}
    """
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")


def _significant(values: np.ndarray) -> np.ndarray:
    return np.array([float(f"{value:.{DIGITS}g}") for value in values.flat]).reshape(values.shape)


def _component(rendered: RenderedHTML) -> Component:
    call = _CALL.search(str(rendered))
    if call is None:
        raise RuntimeError(f"circuitsvis {circuitsvis.__version__} renders in a way that is not known here.")
    return Component(call.group(1), json_in_script(json.loads(call.group(2))))
