"""Settings of the penalty under a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    """All that the name of a preset stands for.

    Attributes:
        penalty: fields of :class:`~safr_lens.SafrPenalty`.
        model: settings of the model that it is for, where those chosen leave them open.
        small: and of a model without a pretrained encoder.
        without_vmask: whether ``penalty`` is meant for a classifier on a pretrained encoder that has no VMASK.
    """

    penalty: Mapping[str, Any]
    model: Mapping[str, Any] = field(default_factory=dict)
    small: Mapping[str, Any] = field(default_factory=dict)
    without_vmask: bool = False


def _fading(importance: float, interaction: float, *, delay: float, epochs: float) -> dict[str, dict[str, float]]:
    """Return weights that fall to 0: neurons keep what they have become once the SAFR terms no longer act."""
    weights = {"importance_weight": importance, "interaction_weight": interaction}
    return {name: {"start": start, "end": 0.0, "delay": delay, "epochs": epochs} for name, start in weights.items()}


# the encoder's token embeddings say which words are related
PRETRAINED: dict[str, Any] = {
    "importance_weight": 20.0,
    "interaction_weight": 10.0,
    "word_threshold": 0.4,
    "information_weight": 0.0,
    "gates": "shared",  # there are none, so all texts are compared
}
# with fewer neurons a token's evidence lies in fewer of them
FEW_NEURONS = {"d_mlp": 256}
PRESETS = {
    # the authors' release has no information term
    "release": Preset(
        {"site": "embedding", "importance_weight": 1.0, "interaction_weight": 1.0, "information_weight": 0.0}
    ),
    # the paper's text on neurons: pairs that attend to each other, within a text; needs no word vectors
    "attention": Preset(
        {
            "pairs": "attention",
            "scope": "text",
            "counted_pairs": "tokens",
            "gates": "shared",
            "l1_ratio": 0.5,
            "importance_weight": 0.5,
            "interaction_weight": 0.1,
        }
    ),
    "light": Preset({"importance_weight": 2.0, "interaction_weight": 1.0}, small=FEW_NEURONS),
    "strong": Preset(_fading(10.0, 5.0, delay=1.0, epochs=1.0), small=FEW_NEURONS),
    # VMASK learns what the classes need before the SAFR terms start
    "faithful": Preset(
        {
            "importance_weight": {"start": 0.0, "end": 20.0, "delay": 1.0, "epochs": 1.0},
            "interaction_weight": {"start": 0.0, "end": 10.0, "delay": 1.0, "epochs": 1.0},
        },
        small=FEW_NEURONS,
    ),
    "pretrained": Preset(PRETRAINED, without_vmask=True),
    # neurons are few by construction, and the terms see to what those say that decide
    "sparse": Preset(
        {
            **PRETRAINED,
            **_fading(20.0, 5.0, delay=3.0, epochs=2.0),
            "overlap_of": "evidence",
            "batch_tokens": 256,
        },
        model={"act_fn": "topk", "k": 16},
        without_vmask=True,
    ),
}


def preset_model(name: Any, chosen: Mapping[str, Any], *, encoder: bool = False) -> dict[str, Any]:
    """Return the settings of the model that a preset is for, where those chosen leave them open.

    A name that is none, or is yet to be refused, stands for no settings; ``encoder`` says whether the model stands on a
    pretrained encoder.

    >>> preset_model("sparse", {}), preset_model("sparse", {"act_fn": "relu"}), preset_model("strong", {})
    ({'act_fn': 'topk', 'k': 16}, {}, {'d_mlp': 256})
    """
    preset = PRESETS.get(name, Preset({})) if isinstance(name, str) else Preset({})
    fields = {**preset.model, **({} if encoder else preset.small)}
    if "act_fn" in fields and chosen.get("act_fn") not in (None, fields["act_fn"]):
        return {}
    return {setting: value for setting, value in fields.items() if setting not in chosen}
