"""Settings of the penalty under a name."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

_WORDS = {"pairs": "words", "scope": "batch", "counted_pairs": "words", "gates": "apart", "l1_ratio": 1.0}
PRESETS = MappingProxyType(
    {
        # the authors' release has no information term
        "release": {
            "site": "embedding",
            "importance_weight": 1.0,
            "interaction_weight": 1.0,
            "information_weight": 0.0,
        },
        "light": {**_WORDS, "importance_weight": 1.0, "interaction_weight": 1.0},
        "strong": {**_WORDS, "importance_weight": 3.0, "interaction_weight": 3.0},
    }
)


def preset_fields(name: str) -> dict[str, Any]:
    """Return the fields of :class:`~safr_lens.SafrPenalty` that a preset sets; a copy.

    >>> preset_fields("release")["site"]
    'embedding'
    """
    return dict(PRESETS[name])
