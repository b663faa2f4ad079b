"""Families of pretrained encoders that work here, by the ``model_type`` of their ``config.json``."""

from __future__ import annotations

from safr_lens.backbones.pretrained.bert import BERT
from safr_lens.backbones.pretrained.distilbert import DISTILBERT
from safr_lens.backbones.pretrained.family import Family
from safr_lens.backbones.pretrained.modernbert import MODERNBERT
from safr_lens.backbones.pretrained.roberta import ROBERTA
from safr_lens.errors import ConfigError, near_matches

FAMILIES = {"bert": BERT, "roberta": ROBERTA, "distilbert": DISTILBERT, "modernbert": MODERNBERT}
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
    family = FAMILIES.get(str(model_type))
    if family is not None:
        return family
    why = HIDDEN.get(str(model_type))
    known = ", ".join(FAMILIES)
    if why is not None:
        raise ConfigError(
            f"{where} is a {model_type} model, which does not work here: {why}. Encoders that do: {known}."
        )
    raise ConfigError(
        f"{where} has the model_type {str(model_type)!r}; expected an encoder of one of the families {known}."
        f"{near_matches(str(model_type), FAMILIES)}"
    )
