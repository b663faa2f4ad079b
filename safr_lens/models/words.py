"""Word pieces as the words they belong to, for what people read; and what hook points hold of one text, by word."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.data.rows import one_text
from safr_lens.data.unknown import is_unknown
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating


@dataclass(frozen=True)
class Words:
    """Which pieces of a text make which of its words, in order.

    Attributes:
        tokens: the words as they stand in the text.
        of_piece: the number of the word of each piece, from 0.
    """

    tokens: list[str]
    of_piece: list[int]

    @property
    def whole(self) -> bool:
        """Whether every piece is a word."""
        return len(self.tokens) == len(self.of_piece)

    def first(self, values: Tensor) -> Tensor:
        """Return what stands at the first piece of each word; ``values`` has a row a piece, as below."""
        return values if self.whole else values[[self.of_piece.index(word) for word in range(len(self.tokens))]]

    def sum(self, values: Float[Tensor, n_pieces * rest]) -> Float[Tensor, n_words * rest]:
        """Return the sum over the pieces of each word: for what adds up, as contributions to the logits."""
        sums = values.new_zeros(len(self.tokens), *values.shape[1:])
        of_piece = torch.tensor(self.of_piece, device=values.device)
        return values if self.whole else sums.index_add_(0, of_piece, values)

    def mean(self, values: Float[Tensor, n_pieces * rest]) -> Float[Tensor, n_words * rest]:
        """Return the mean over the pieces of each word: for shares, as the importance."""
        counts = self.sum(torch.ones_like(values))
        return values if self.whole else self.sum(values) / counts

    def max(self, values: Float[Tensor, n_pieces * rest]) -> Float[Tensor, n_words * rest]:
        """Return the maximum over the pieces of each word: for neurons, which answer to a word if to one of them.

        >>> Words(["un", "putdown"], [0, 1, 1]).max(torch.tensor([[1.0], [2.0], [3.0]])).tolist()
        [[1.0], [3.0]]
        """
        counts = [self.of_piece.count(word) for word in range(len(self.tokens))]
        return values if self.whole else torch.stack([pieces.amax(0) for pieces in values.split(counts)])

    def pattern(self, values: Float[Tensor, "head n_pieces n_pieces"]) -> Float[Tensor, "head n_words n_words"]:
        """Return attention from word to word: what all pieces of a word get, and the mean of what its pieces give.

        Source: Clark et al. 2019 (arXiv 1906.04341).
        """
        to_words = self.sum(values.permute(2, 1, 0))
        return self.mean(to_words.transpose(0, 1)).permute(2, 0, 1)


def words_of(model: HookedClassifier, text: str, *, truncate: bool = False) -> Words:
    """Return the words of a text: with a pretrained model's tokenizer its pieces are joined, else each token is one."""
    encoding = model.tokenizer.encode(text, n_ctx=model.config.n_ctx, truncate=truncate)
    if model.config.encoder is None:
        return Words(encoding.tokens, list(range(len(encoding.tokens))))
    tokens: list[str] = []
    of_piece: list[int] = []
    for place, (piece, number) in enumerate(zip(encoding.tokens, encoding.words, strict=True)):
        if place and number == encoding.words[place - 1]:
            tokens[-1] += piece
        else:
            tokens.append(piece)
        of_piece.append(len(tokens) - 1)
    return Words(tokens, of_piece)


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
