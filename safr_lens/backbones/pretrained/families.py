"""Families of pretrained models that work here, by the ``model_type`` of their ``config.json``."""

from __future__ import annotations

from safr_lens.backbones.pretrained.bert import BERT
from safr_lens.backbones.pretrained.decoders import GPT2, GPT_NEOX, LLAMA, QWEN2, QWEN3
from safr_lens.backbones.pretrained.distilbert import DISTILBERT
from safr_lens.backbones.pretrained.family import Family
from safr_lens.backbones.pretrained.modernbert import MODERNBERT
from safr_lens.backbones.pretrained.roberta import ROBERTA
from safr_lens.errors import ConfigError, near_matches
from safr_lens.visible import shown

FAMILIES = {"bert": BERT, "roberta": ROBERTA, "distilbert": DISTILBERT, "modernbert": MODERNBERT}
DECODERS = {"gpt2": GPT2, "gpt_neox": GPT_NEOX, "llama": LLAMA, "qwen2": QWEN2, "qwen3": QWEN3}
HIDDEN = {
    "deberta": "its attention hides the pattern",
    "deberta-v2": "its attention hides the pattern",
    "mpnet": "its attention hides the pattern",
}


def family_of(model_type: object, *, where: str) -> Family:
    """Return the family of a ``model_type``.

    Raises:
        ConfigError: a family that does not work here, with the list of those that do.
    """
    known = FAMILIES | DECODERS
    family = known.get(str(model_type))
    if family is not None:
        return family
    listed = ", ".join(known)
    why = HIDDEN.get(str(model_type))
    if why is not None:
        raise ConfigError(
            f"{where} is a {model_type} model, which does not work here: {why}. Models that do: {listed}."
        )
    raise ConfigError(
        f"{where} has the model_type {shown(str(model_type))}; expected a model of one of the families {listed}."
        f"{near_matches(str(model_type), known)}"
    )
