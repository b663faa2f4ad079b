"""The activations of one text, beside its tokens as they stand in it."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool
from torch import Tensor

from safr_lens.data.rows import one_text
from safr_lens.data.unknown import is_unknown
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating
from safr_lens.models.words import words_of


@dataclass(frozen=True)
class OneText:
    """What some hook points with a row a token hold while a model reads one text.

    Attributes:
        words: the tokens as they stand in the text; word pieces are joined to words.
        mask: True at every token, with a batch dimension of 1.
        unknown: tokens that the vocabulary lacks.
        values: by hook point, with a batch dimension of 1; of pieces of one word the maximum.
    """

    words: list[str]
    mask: Bool[Tensor, "1 pos"]
    unknown: list[bool]
    values: dict[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        return self.values[name].float()


def text_activations(model: HookedClassifier, text: str, names: list[str], *, truncate: bool = False) -> OneText:
    """Run a model on one text, in evaluation mode and without gradient, as far as the last point asked for.

    Raises:
        HookError: a name that the model does not have.
        TextError: a text that the model cannot read.
    """
    tokens, mask = model.to_tokens(one_text(text), truncate=truncate)
    with evaluating(model):
        values = model.activations(tokens, mask, names=names)
    kept = model.adapter.text_positions(tokens, mask)
    words = words_of(model, text, truncate=truncate)
    at_text = {name: words.max(value[kept]).unsqueeze(0) for name, value in values.items()}
    unknown = is_unknown(model.tokenizer, words.first(tokens[kept])).tolist()
    return OneText(words.tokens, words.first(kept[kept]).unsqueeze(0), unknown, at_text)
