"""Texts without some of their tokens, what the model makes of them, and what each order of deletion costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.checks import check_choice
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.errors import ConfigError
from safr_lens.measures.faithfulness.bounds import Bounds, aopc_bounds
from safr_lens.measures.faithfulness.formulas import aopc, bin_sizes, comprehensiveness, sufficiency
from safr_lens.models.classifier import GATE, HookedClassifier
from safr_lens.models.evaluating import evaluating

OPERATORS = ("remove", "unk", "gate")
TOKENS_PER_BATCH = 4096


@dataclass(frozen=True)
class Variants:
    """Several versions of one text, each of which keeps some of its tokens."""

    tokens: Int[Tensor, " pos"]
    kept: Bool[Tensor, "n_variants pos"]


@dataclass(frozen=True)
class RankedText:
    """A text and orders of its positions, from the most to the least important."""

    tokens: Int[Tensor, " pos"]
    orders: list[Int[Tensor, " pos"]]


@dataclass(frozen=True)
class MeasuredText:
    """What deletions cost a text, in each of its orders."""

    tokens: Int[Tensor, " pos"]
    predicted: int
    full: Float[Tensor, ""]
    comprehensiveness: Float[Tensor, " n_orders"]
    sufficiency: Float[Tensor, " n_orders"]
    aopc: Float[Tensor, " n_orders"]


@dataclass(frozen=True)
class _Row:
    """What the model reads of one version between special tokens: token ids, and which pass VMASK's gate."""

    tokens: Int[Tensor, " pos"]
    passes: Bool[Tensor, " pos"]


def measured(
    model: HookedClassifier, texts: Sequence[RankedText], *, operator: str, bins: tuple[float, ...]
) -> list[MeasuredText]:
    """Evaluate the deletions of several texts together and return their measures."""
    variants = []
    for text in texts:
        whole = torch.ones(1, len(text.tokens), dtype=torch.bool)
        deletions = [_kept(order, bin_sizes(len(order), bins)) for order in text.orders]
        variants.append(Variants(text.tokens, torch.cat([whole, *deletions])))
    by_text = probabilities(model, variants, operator=operator)
    return [_measures(text, probs, bins) for text, probs in zip(texts, by_text, strict=True)]


def bounds_of(model: HookedClassifier, text: MeasuredText, *, operator: str, beam: int) -> Bounds:
    """Return the worst and the best AOPC of a text."""

    def drops(sets: list[frozenset[int]]) -> list[float]:
        kept = torch.ones(len(sets), len(text.tokens), dtype=torch.bool)
        for row, deleted in zip(kept, sets, strict=True):
            row[list(deleted)] = False
        (probs,) = probabilities(model, [Variants(text.tokens, kept)], operator=operator)
        return (text.full - probs[:, text.predicted]).tolist()

    return aopc_bounds(drops, len(text.tokens), beam=beam)


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
    by_row = torch.empty(len(rows), len(model.labels), dtype=torch.float64)
    for chunk in _chunks([max(1, len(row.tokens)) for row in rows]):
        by_row[chunk] = _forward(model, [rows[i] for i in chunk])
    return list(by_row.split([len(text.kept) for text in texts]))


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


def _kept(order: Int[Tensor, " pos"], sizes: list[int]) -> Bool[Tensor, "n_variants pos"]:
    """Return what is kept without the first 1 to n positions of an order, then with the first of each size alone."""
    rank = order.argsort()
    without = rank >= torch.arange(1, len(order) + 1).unsqueeze(1)
    only = rank < torch.tensor(sizes).unsqueeze(1)
    return torch.cat([without, only])


def _measures(text: RankedText, probs: Float[Tensor, "n_variants n_classes"], bins: tuple[float, ...]) -> MeasuredText:
    n_tokens = len(text.tokens)
    predicted = int(probs[0].argmax())
    full = probs[0, predicted].expand(len(text.orders))
    by_order = probs[1:, predicted].view(len(text.orders), -1)
    curve, only = by_order[:, :n_tokens], by_order[:, n_tokens:]
    without = curve[:, [size - 1 for size in bin_sizes(n_tokens, bins)]]
    return MeasuredText(
        tokens=text.tokens,
        predicted=predicted,
        full=full[0],
        comprehensiveness=comprehensiveness(full, without),
        sufficiency=sufficiency(full, only),
        aopc=aopc(curve, full),
    )


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
    whole = [torch.tensor(model.tokenizer.with_special(row.tokens.tolist()), dtype=torch.long) for row in rows]
    first = len(model.tokenizer.prefix)
    width = max(1, *map(len, whole))
    tokens = torch.full((len(rows), width), model.tokenizer.pad_id)
    mask = torch.zeros(len(rows), width, dtype=torch.bool)
    passes = torch.ones(len(rows), width, dtype=torch.bool)
    for i, (row, ids) in enumerate(zip(rows, whole, strict=True)):
        tokens[i, : len(ids)], mask[i, : len(ids)] = ids, True
        passes[i, first : first + len(row.passes)] = row.passes
    deleted = [] if passes.all() else [(GATE, lambda gate, hook: gate * passes.to(gate.device))]
    with evaluating(model):
        logits = model.run_with_hooks(tokens.to(model.device), mask.to(model.device), fwd_hooks=deleted).logits
    return logits.double().softmax(-1).cpu()
