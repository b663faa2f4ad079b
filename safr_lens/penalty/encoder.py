"""The penalty of a classifier on a pretrained encoder, where its settings leave it open."""

from __future__ import annotations

from typing import Any

from safr_lens.penalty.safr import SafrPenalty

PRESET = "pretrained"


def encoder_penalty(preset: str | None = None, *, vmask: bool, **changes: Any) -> SafrPenalty:
    """Return the penalty of a preset, by default ``"pretrained"``, as it suits a pretrained encoder.

    Words are related by the encoder's token embeddings, whatever the preset, with the threshold that fits them. Without
    VMASK there is no information term, and no half of the texts that teaches it alone.

    Args:
        preset: its name.
        vmask: whether the classifier has VMASK.
        **changes: settings of your own.

    >>> encoder_penalty(vmask=True).weights(epoch=0.0)
    {'information': 1.0, 'importance': 20.0, 'interaction': 10.0}
    """
    penalty = SafrPenalty.preset(preset or PRESET)
    base = penalty.to_dict()
    if penalty.pairs is not None and penalty.pairs.pairs == "words":
        base["word_threshold"] = SafrPenalty.preset(PRESET).to_dict()["word_threshold"]
    if not vmask:
        base |= {"information_weight": 0.0} | ({} if penalty.pairs is None else {"gates": "shared"})
    elif preset in (None, PRESET, "sparse"):
        del base["information_weight"], base["gates"]
    return SafrPenalty(**base).changed(**changes)
