"""Activations of a few texts, without padding and special tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from safr_lens.models.classifier import POOLED


@dataclass(frozen=True)
class TextActivations:
    """Activations of one text: what :class:`ActivationBatch` holds, for one of its texts."""

    tokens: Int[Tensor, " pos"]
    example: int
    label: int
    activations: Mapping[str, Tensor]


@dataclass(frozen=True)
class ActivationBatch:
    """Activations of a few texts: one row a token, without padding and special tokens.

    Attributes:
        tokens: token ids.
        positions: where in its text each token stands, from 0.
        rows: which text of the batch each token belongs to, from 0.
        example: number of each text in the data.
        labels: label of each text; -1 where the data has none.
        n_cut: how many of the texts were cut to the context.
        activations: by hook name; ``[n_tokens ...]`` for points with a row a token, ``[n_texts n_classes]`` for
            ``hook_pooled``, and for attention scores and patterns one ``[head_index pos pos]`` a text.
    """

    tokens: Int[Tensor, " n_tokens"]
    positions: Int[Tensor, " n_tokens"]
    rows: Int[Tensor, " n_tokens"]
    example: Int[Tensor, " n_texts"]
    labels: Int[Tensor, " n_texts"]
    n_cut: int
    activations: Mapping[str, Tensor | list[Tensor]]

    @property
    def lengths(self) -> Int[Tensor, " n_texts"]:
        """Number of tokens of each text."""
        return torch.bincount(self.rows, minlength=len(self.example))

    def texts(self) -> Iterator[TextActivations]:
        """Yield the texts one by one."""
        ends = self.lengths.cumsum(0).tolist()
        examples, labels = self.example.tolist(), self.labels.tolist()
        for row, end in enumerate(ends):
            part = slice(ends[row - 1] if row else 0, end)
            values = {
                name: value[row] if isinstance(value, list) or name == POOLED else value[part]
                for name, value in self.activations.items()
            }
            yield TextActivations(self.tokens[part], examples[row], labels[row], values)


def of_texts(name: str, value: Tensor, text: Bool[Tensor, "batch pos"], *, pairs: bool) -> Tensor | list[Tensor]:
    """Return the values of a hook point at the tokens of the texts, or for ``pairs`` of them."""
    if pairs:
        return [of_text[:, kept][:, :, kept] for of_text, kept in zip(value, text, strict=True)]
    if name == POOLED:
        return value
    return value.flatten(0, 1) if bool(text.all()) else value[text]


def positions_in_text(text: Bool[Tensor, "batch pos"]) -> Int[Tensor, " n_tokens"]:
    """Return where in its text each token stands, from 0.

    >>> positions_in_text(torch.tensor([[False, True, True, False], [False, True, False, False]])).tolist()
    [0, 1, 0]
    """
    return (text.cumsum(1) - 1)[text]
