"""Texts without some of their tokens, what the model makes of them, and what each order of deletion costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from safr_lens.backbones.edits import Edits
from safr_lens.checks import check_choice
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.errors import ConfigError
from safr_lens.measures.faithfulness.bounds import Bounds, bounds_search, searched
from safr_lens.measures.faithfulness.formulas import aopc, bin_sizes, comprehensiveness, sufficiency
from safr_lens.measures.finite import check_finite
from safr_lens.models.classifier import GATE, HookedClassifier
from safr_lens.models.evaluating import evaluating
from safr_lens.models.vmask import TypeLogOdds

OPERATORS = ("remove", "unk", "gate")
TOKENS_PER_BATCH = 1024  # larger batches are slower on CPUs, as in safr_lens.activations.stream


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
class _Rows:
    """What the model reads of versions between special tokens: token ids, and which pass VMASK's gate; then padding."""

    tokens: Int[Tensor, "n_versions pos"]
    passes: Bool[Tensor, "n_versions pos"]
    lengths: Int[Tensor, " n_versions"]


def measured(
    model: HookedClassifier,
    texts: Sequence[RankedText],
    *,
    operator: str,
    bins: tuple[float, ...],
    log_odds: TypeLogOdds | None = None,
) -> list[MeasuredText]:
    """Evaluate the deletions of several texts together and return their measures."""
    variants = []
    for text in texts:
        whole = torch.ones(1, len(text.tokens), dtype=torch.bool)
        deletions = [_kept(order, bin_sizes(len(order), bins)) for order in text.orders]
        variants.append(Variants(text.tokens, torch.cat([whole, *deletions])))
    by_text = probabilities(model, variants, operator=operator, log_odds=log_odds)
    return [_measures(text, probs, bins) for text, probs in zip(texts, by_text, strict=True)]


def bounds_of(
    model: HookedClassifier,
    texts: Sequence[MeasuredText],
    *,
    operator: str,
    beam: int,
    log_odds: TypeLogOdds | None = None,
    on_found: Callable[[], None] = lambda: None,
) -> list[Bounds]:
    """Return the worst and the best AOPC of some texts; ``on_found`` is called after each."""

    def drops(asked: dict[int, list[frozenset[int]]]) -> Iterator[list[float]]:
        variants = [Variants(texts[number].tokens, _without(sets, texts[number])) for number, sets in asked.items()]
        by_text = probabilities(model, variants, operator=operator, log_odds=log_odds)
        for number, probs in zip(asked, by_text, strict=True):
            yield (texts[number].full - probs[:, texts[number].predicted]).tolist()

    return searched([bounds_search(len(text.tokens), beam=beam) for text in texts], drops, on_found)


def _without(sets: list[frozenset[int]], text: MeasuredText) -> Bool[Tensor, "n_sets pos"]:
    kept = torch.ones(len(sets), len(text.tokens), dtype=torch.bool)
    rows = [row for row, deleted in enumerate(sets) for _ in deleted]
    kept[rows, [position for deleted in sets for position in deleted]] = False
    return kept


def probabilities(
    model: HookedClassifier, texts: Sequence[Variants], *, operator: str, log_odds: TypeLogOdds | None = None
) -> list[Float[Tensor, "n_variants n_classes"]]:
    """Return the class probabilities of all versions of all texts, in evaluation mode, on the CPU, in float64.

    ``operator`` says what deleting a token is. ``"remove"`` takes it out of the sequence, and the rest closes up; a
    text without any token has logits 0, so that all classes are alike. ``"unk"`` puts the tokenizer's unknown token in
    its place; a token that is unknown already stays as it is. ``"gate"`` sets VMASK's gate to 0: the embedding becomes
    zero, but the position still counts in attention and in the mean.
    ``log_odds`` is as in :meth:`HookedClassifier.activations`.

    Raises:
        ConfigError: an unknown operator, or ``"unk"`` for a tokenizer without unknown token.
    """
    check_choice("operator", operator, OPERATORS)
    unknown = unknown_id(model.tokenizer) if operator == "unk" else None
    rows = _together([_rows(text, operator, unknown) for text in texts], pad_id=model.tokenizer.pad_id)
    by_row = torch.empty(len(rows.lengths), len(model.labels), dtype=torch.float64)
    for chunk in _chunks(rows.lengths.clamp_min(1).tolist()):
        by_row[chunk] = _forward(model, rows, torch.tensor(chunk), log_odds)
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


def _rows(text: Variants, operator: str, unknown: int | None) -> _Rows:
    tokens, kept = text.tokens.expand_as(text.kept), text.kept
    lengths, everything = torch.full((len(kept),), kept.shape[1]), torch.ones_like(kept)
    if operator == "remove":
        # what is kept moves to the front, in its order
        return _Rows(tokens.gather(1, (~kept).byte().argsort(dim=1, stable=True)), everything, kept.sum(1))
    if operator == "unk":
        return _Rows(tokens.masked_fill(~kept, unknown), everything, lengths)
    return _Rows(tokens, kept, lengths)


def _together(parts: list[_Rows], *, pad_id: int) -> _Rows:
    width = max(part.tokens.shape[1] for part in parts)
    tokens = [F.pad(part.tokens, (0, width - part.tokens.shape[1]), value=pad_id) for part in parts]
    passes = [F.pad(part.passes, (0, width - part.passes.shape[1]), value=True) for part in parts]
    return _Rows(torch.cat(tokens), torch.cat(passes), torch.cat([part.lengths for part in parts]))


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


def _forward(
    model: HookedClassifier, rows: _Rows, chunk: Int[Tensor, " batch"], log_odds: TypeLogOdds | None
) -> Float[Tensor, "batch n_classes"]:
    prefix, suffix = (torch.tensor(ids, dtype=torch.long) for ids in (model.tokenizer.prefix, model.tokenizer.suffix))
    first, lengths = len(prefix), rows.lengths[chunk].unsqueeze(1)
    longest = int(lengths.max())
    width = max(1, first + longest + len(suffix))
    ends = first + lengths
    place = torch.arange(width).expand(len(chunk), -1)
    tokens = torch.full(place.shape, model.tokenizer.pad_id)
    passes = torch.ones_like(tokens, dtype=torch.bool)
    tokens[:, :first] = prefix
    tokens[:, first : first + longest] = rows.tokens[chunk, :longest]
    passes[:, first : first + longest] = rows.passes[chunk, :longest]
    tokens.scatter_(1, ends + torch.arange(len(suffix)), suffix.expand(len(chunk), -1))
    mask = place < ends + len(suffix)
    tokens.masked_fill_(~mask, model.tokenizer.pad_id)
    deleted = [] if passes.all() else [(GATE, lambda gate: gate * passes.to(gate.device))]
    with evaluating(model), Edits(after=deleted).around(model.hook_dict):
        logits = model(tokens.to(model.device), mask.to(model.device), log_odds=log_odds).logits
    check_finite("the logits", logits)
    return logits.double().softmax(-1).cpu()
