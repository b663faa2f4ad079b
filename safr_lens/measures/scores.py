"""Scores of single neurons, each with what it is worth under a permutation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.measures.formulas.class_selectivity import class_selectivity
from safr_lens.measures.formulas.monosemanticity import monosemanticity_score
from safr_lens.measures.formulas.token_selectivity import token_selectivity
from safr_lens.measures.statistics import NeuronStatistics


@dataclass(frozen=True)
class Scores:
    """A score of each neuron and its null; NaN where it is undefined.

    Attributes:
        values: as measured.
        null: mean over permutations of labels, or of types among tokens.
    """

    values: Float[Tensor, " d_mlp"]
    null: Float[Tensor, " d_mlp"]

    @property
    def above(self) -> Float[Tensor, " d_mlp"]:
        """What is above chance."""
        return self.values - self.null

    @property
    def defined(self) -> Bool[Tensor, " d_mlp"]:
        """Where there are both a value and a null."""
        return ~self.above.isnan()


# the scores of all sentences for None, else without the group of that number
Scorer = Callable[[int | None], Scores]


def class_scores(found: NeuronStatistics) -> Scorer:
    """Return class selectivity, with labels shuffled among texts as its null."""

    def scores(without: int | None) -> Scores:
        if found.classes is None:
            return _undefined(found)
        means = found.classes.means(without=without)
        present = ~means.isnan().any(dim=2).any(dim=0)
        if int(present.sum()) < 2:
            return _undefined(found)
        return _against_rest([class_selectivity(one[present].float()) for one in means])

    return scores


def token_scores(found: NeuronStatistics) -> Scorer:
    """Return token selectivity, with types shuffled among tokens as its null."""

    def scores(without: int | None) -> Scores:
        means = found.types.means(without=without)
        if len(means.types) < 2:
            return _undefined(found)
        return _against_rest([token_selectivity(one) for one in (means.means, *means.null)])

    return scores


def meaning_scores(found: NeuronStatistics, embeddings: Float[Tensor, "d_vocab d_embed"]) -> Scorer:
    """Return the monosemanticity score of the types' mean activations, with types shuffled among tokens as its null.

    One row a type, so that a word that stands often does not pair with itself.
    """

    def scores(without: int | None) -> Scores:
        means = found.types.means(without=without)
        rows = embeddings[means.types]
        if int(rows.isfinite().all(1).sum()) < 2:
            return _undefined(found)
        return _against_rest([monosemanticity_score(one, rows) for one in (means.means, *means.null)])

    return scores


def _against_rest(scores: list[Tensor]) -> Scores:
    return Scores(scores[0], torch.stack(scores[1:]).nanmean(0))


def _undefined(found: NeuronStatistics) -> Scores:
    nothing = torch.full_like(found.activity.mean, torch.nan)
    return Scores(nothing, nothing)
