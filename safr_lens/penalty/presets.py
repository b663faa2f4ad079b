"""Settings of the penalty under a name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# for classifiers on pretrained encoders, whose token embeddings say which words are related; without VMASK
PRETRAINED: dict[str, Any] = {
    "importance_weight": 20.0,
    "interaction_weight": 10.0,
    "word_threshold": 0.4,
    "information_weight": 0.0,
    "gates": "shared",  # there are none, so all texts are compared
}
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
    # VMASK learns what the classes need before the SAFR terms start
    "faithful": {
        "importance_weight": {"start": 0.0, "end": 20.0, "delay": 1.0, "epochs": 1.0},
        "interaction_weight": {"start": 0.0, "end": 10.0, "delay": 1.0, "epochs": 1.0},
    },
    "pretrained": PRETRAINED,
    # beside act_fn="topk": neurons are few by construction, and the terms see to what those say that decide
    "sparse": {**PRETRAINED, "interaction_weight": 5.0, "overlap_of": "evidence", "batch_tokens": 256},
}
# of the model that a preset is for, where its settings leave it open
MODELS: dict[str, dict[str, Any]] = {"sparse": {"act_fn": "topk", "k": 8}}
# and of a model without a pretrained encoder: with fewer neurons a token's evidence lies in fewer of them
SMALL: dict[str, dict[str, Any]] = {"strong": {"d_mlp": 256}, "faithful": {"d_mlp": 256}}


def preset_fields(name: str) -> dict[str, Any]:
    """Return the fields of :class:`~safr_lens.SafrPenalty` that a preset sets; a copy.

    >>> preset_fields("release")["site"]
    'embedding'
    """
    return dict(PRESETS[name])


def preset_model(name: str | None, chosen: Mapping[str, Any], *, encoder: bool = False) -> dict[str, Any]:
    """Return the settings of the model that a preset is for, where those chosen leave them open.

    Args:
        name: of the preset, if there is one.
        chosen: settings that are known.
        encoder: whether the model stands on a pretrained encoder.

    >>> preset_model("sparse", {}), preset_model("sparse", {"act_fn": "relu"}), preset_model("strong", {})
    ({'act_fn': 'topk', 'k': 8}, {}, {'d_mlp': 256})
    """
    if not isinstance(name, str):
        return {}
    fields = MODELS.get(name, {}) | ({} if encoder else SMALL.get(name, {}))
    if "act_fn" in fields and chosen.get("act_fn") not in (None, fields["act_fn"]):
        return {}
    return {setting: value for setting, value in fields.items() if setting not in chosen}
