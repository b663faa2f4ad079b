"""One text under several rankings of its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.measures.erasure.bounds import Bounds, aopc_bounds
from safr_lens.measures.erasure.deletion import Variants, probabilities
from safr_lens.measures.erasure.formulas import aopc, bin_sizes, comprehensiveness, sufficiency
from safr_lens.models.classifier import HookedClassifier


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


def measured(
    model: HookedClassifier, texts: Sequence[RankedText], *, operator: str, bins: tuple[float, ...]
) -> list[MeasuredText]:
    """Evaluate the deletions of several texts together and return their measures."""
    variants = []
    for text in texts:
        whole = torch.ones(1, len(text.tokens), dtype=torch.bool)
        deletions = [_kept(order, bin_sizes(len(order), bins)) for order in text.orders]
        variants.append(Variants(text.tokens, torch.cat([whole, *deletions])))
    found = probabilities(model, variants, operator=operator)
    return [_measures(text, of_text, bins) for text, of_text in zip(texts, found, strict=True)]


def bounds_of(model: HookedClassifier, text: MeasuredText, *, operator: str, beam: int) -> Bounds:
    """Return the worst and the best AOPC of a text."""

    def drops(sets: list[frozenset[int]]) -> list[float]:
        kept = torch.ones(len(sets), len(text.tokens), dtype=torch.bool)
        for row, deleted in zip(kept, sets, strict=True):
            row[list(deleted)] = False
        (found,) = probabilities(model, [Variants(text.tokens, kept)], operator=operator)
        return (text.full - found[:, text.predicted]).tolist()

    return aopc_bounds(drops, len(text.tokens), beam=beam)


def _kept(order: Int[Tensor, " pos"], sizes: list[int]) -> Bool[Tensor, "n_variants pos"]:
    """Return what is kept without the first 1 to n positions of an order, then with the first of each size alone."""
    rank = order.argsort()
    without = rank >= torch.arange(1, len(order) + 1).unsqueeze(1)
    only = rank < torch.tensor(sizes).unsqueeze(1)
    return torch.cat([without, only])


def _measures(text: RankedText, found: Float[Tensor, "n_variants n_classes"], bins: tuple[float, ...]) -> MeasuredText:
    n_tokens = len(text.tokens)
    predicted = int(found[0].argmax())
    full = found[0, predicted].expand(len(text.orders))
    by_order = found[1:, predicted].view(len(text.orders), -1)
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
