"""Settings of the penalty under a name."""

from __future__ import annotations

from typing import Any

PRESETS: dict[str, dict[str, Any]] = {
    # the authors' release has no information term
    "release": {"site": "embedding", "importance_weight": 1.0, "interaction_weight": 1.0, "information_weight": 0.0},
    # the paper's text on neurons: pairs that attend to each other, within a text; needs no word vectors
    "attention": {
        "pairs": "attention",
        "scope": "text",
        "counted_pairs": "tokens",
        "gates": "shared",
        "l1_ratio": 0.5,
        "importance_weight": 0.5,
        "interaction_weight": 0.1,
    },
    "light": {"importance_weight": 2.0, "interaction_weight": 1.0},
    "strong": {"importance_weight": 6.0, "interaction_weight": 3.0},
    # for classifiers on pretrained encoders, whose token embeddings say which words are related; without VMASK
    "pretrained": {
        "importance_weight": 20.0,
        "interaction_weight": 10.0,
        "word_threshold": 0.4,
        "information_weight": 0.0,
        "gates": "shared",  # there are none, so all texts are compared
    },
}


def preset_fields(name: str) -> dict[str, Any]:
    """Return the fields of :class:`~safr_lens.SafrPenalty` that a preset sets; a copy.

    >>> preset_fields("release")["site"]
    'embedding'
    """
    return dict(PRESETS[name])
