"""Texts without some of their tokens, and what the model makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.errors import ConfigError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.config import check_choice
from safr_lens.models.evaluating import evaluating

OPERATORS = ("remove", "unk", "gate")
TOKENS_PER_BATCH = 4096


@dataclass(frozen=True)
class Variants:
    """Several versions of one text, each of which keeps some of its tokens."""

    tokens: Int[Tensor, " pos"]
    kept: Bool[Tensor, "n_variants pos"]


@dataclass(frozen=True)
class _Row:
    """What the model reads of one version: token ids, and which of them pass VMASK's gate."""

    tokens: Int[Tensor, " pos"]
    passes: Bool[Tensor, " pos"]


def probabilities(
    model: HookedClassifier, texts: Sequence[Variants], *, operator: str
) -> list[Float[Tensor, "n_variants n_classes"]]:
    """Return the class probabilities of all versions of all texts, in evaluation mode, on the CPU, in float64.

    ``operator`` says what deleting a token is. ``"remove"`` takes it out of the sequence, and the rest closes up; a
    text without any token has logits 0, so that all classes are alike. ``"unk"`` puts the tokenizer's unknown token in
    its place; a token that is unknown already stays as it is. ``"gate"`` sets VMASK's gate to 0: the embedding becomes
    zero, but the position still counts in attention and in the mean.

    Raises:
        ConfigError: an unknown operator, or ``"unk"`` for a tokenizer without unknown token.
    """
    check_choice("operator", operator, OPERATORS)
    unknown = unknown_id(model.tokenizer) if operator == "unk" else None
    rows = [row for text in texts for row in _rows(text, operator, unknown)]
    found = torch.empty(len(rows), len(model.labels), dtype=torch.float64)
    for chunk in _chunks([max(1, len(row.tokens)) for row in rows]):
        found[chunk] = _forward(model, [rows[i] for i in chunk])
    return list(found.split([len(text.kept) for text in texts]))


def unknown_id(tokenizer: TextTokenizer) -> int:
    """Return the id of the tokenizer's unknown token.

    Raises:
        ConfigError: a tokenizer without one, such as those of byte-level models.
    """
    name = getattr(tokenizer.tokenizer.model, "unk_token", None)
    token_id = None if name is None else tokenizer.tokenizer.token_to_id(name)
    if token_id is None:
        raise ConfigError(
            "operator 'unk' needs a tokenizer with an unknown token, and this one has none; choose 'remove' or 'gate'."
        )
    return token_id


def _rows(text: Variants, operator: str, unknown: int | None) -> Iterator[_Row]:
    everything = torch.ones_like(text.tokens, dtype=torch.bool)
    for kept in text.kept:
        if operator == "remove":
            yield _Row(text.tokens[kept], everything[kept])
        elif operator == "unk":
            yield _Row(text.tokens.masked_fill(~kept, unknown), everything)
        else:
            yield _Row(text.tokens, kept)


def _chunks(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield the numbers of rows of like lengths, at most ``TOKENS_PER_BATCH`` padded positions at a time."""
    chunk: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if chunk and (len(chunk) + 1) * lengths[row] > TOKENS_PER_BATCH:
            yield chunk
            chunk = []
        chunk.append(row)
    if chunk:
        yield chunk


def _forward(model: HookedClassifier, rows: list[_Row]) -> Float[Tensor, "batch n_classes"]:
    width = max(1, *(len(row.tokens) for row in rows))
    tokens = torch.full((len(rows), width), model.tokenizer.pad_id)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    passes = torch.ones(len(rows), width, dtype=torch.bool)
    for i, row in enumerate(rows):
        n_tokens = len(row.tokens)
        tokens[i, :n_tokens], mask[i, :n_tokens], passes[i, :n_tokens] = row.tokens, True, row.passes
    passes = passes.to(model.device)
    with evaluating(model), model.hooks(fwd_hooks=[("hook_mask", lambda gate, hook: gate * passes)]):
        logits = model(tokens.to(model.device), mask.to(model.device)).logits
    return logits.double().softmax(-1).cpu()
