"""The penalty of a classifier on a pretrained encoder, where its settings leave it open."""

from __future__ import annotations

from typing import Any

from safr_lens.penalty.presets import PRESETS
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.penalty.schedule import Schedule, as_schedule

PRESET = "pretrained"
TUNED = 0.3  # of a weight, once the encoder is trained too: what a head has learned stays, and the encoder is free


def encoder_penalty(preset: str | None = None, *, vmask: bool, head_epochs: int = 0, **changes: Any) -> SafrPenalty:
    """Return the penalty of a preset, by default ``"pretrained"``, as it suits a pretrained encoder.

    Words are related by the encoder's token embeddings, whatever the preset, with the threshold that fits them. Without
    VMASK there is no information term, and no half of the texts that teaches it alone. Where a head is trained alone
    at first, for ``head_epochs``, importance and interaction weigh 0.3 times as much afterwards, and a schedule of
    theirs is left out: its largest weight counts. ``changes`` are settings of one's own.

    >>> encoder_penalty(vmask=True).weights(epoch=0.0)
    {'information': 1.0, 'importance': 20.0, 'interaction': 10.0}
    >>> encoder_penalty(vmask=False, head_epochs=5).weights(epoch=5.0)
    {'information': 0.0, 'importance': 6.0, 'interaction': 3.0}
    >>> encoder_penalty("sparse", vmask=False, head_epochs=5).weights(epoch=9.0)
    {'information': 0.0, 'importance': 6.0, 'interaction': 1.5}
    """
    penalty = SafrPenalty.preset(preset or PRESET)
    base = penalty.to_dict()
    if penalty.pairs is not None and penalty.pairs.pairs == "words":
        base["word_threshold"] = SafrPenalty.preset(PRESET).to_dict()["word_threshold"]
    if not vmask:
        base |= {"information_weight": 0.0} | ({} if penalty.pairs is None else {"gates": "shared"})
    elif PRESETS[preset or PRESET].without_vmask:
        del base["information_weight"], base["gates"]
    for name in ("importance_weight", "interaction_weight") if head_epochs else ():
        schedule = as_schedule(name, base[name])
        weight = max(schedule.start, schedule.end)
        base[name] = Schedule(start=weight, end=TUNED * weight, epochs=0.0, delay=head_epochs)
    return SafrPenalty(**base).changed(**changes)
