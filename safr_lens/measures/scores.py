"""Scores of single neurons, each with its null, and their mean over the neurons of a layer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.measures.estimate import jackknife
from safr_lens.measures.measurement import Measurement
from safr_lens.measures.statistics import NeuronStatistics


@dataclass(frozen=True)
class Scores:
    """A score of each neuron and its null; NaN where it is undefined.

    Attributes:
        values: as measured.
        null: mean over permutations of labels, or of types among tokens, or over other neurons' names.
        holds: whether the score stands above its null beyond doubt, for scores that say so.
    """

    values: Float[Tensor, " d_mlp"]
    null: Float[Tensor, " d_mlp"]
    holds: Bool[Tensor, " d_mlp"] | None = None

    @property
    def above(self) -> Float[Tensor, " d_mlp"]:
        """What is above chance."""
        return self.values - self.null

    @property
    def defined(self) -> Bool[Tensor, " d_mlp"]:
        """Where there are both a value and a null."""
        return ~self.above.isnan()

    @classmethod
    def undefined(cls, statistics: NeuronStatistics) -> Scores:
        """Return scores that no neuron has."""
        nothing = torch.full_like(statistics.activity.mean, torch.nan)
        return cls(nothing, nothing)

    @classmethod
    def against_null(cls, measured: Float[Tensor, " d_mlp"], permuted: list[Float[Tensor, " d_mlp"]]) -> Scores:
        """Return scores with the mean over permutations as their null."""
        return cls(measured, torch.stack(permuted).nanmean(0))


# the scores of all texts for None, else without the group of that number
Scorer = Callable[[int | None], Scores]


def over_neurons(
    statistics: NeuronStatistics, scorer: Scorer, weights: Float[Tensor, " d_mlp"] | None = None
) -> Measurement:
    """Return the mean over alive neurons where the score is defined, with a jackknife over groups of texts.

    Args:
        statistics: that the scores are of.
        scorer: gives them.
        weights: of the neurons; equal ones by default.
    """
    weights = torch.ones_like(statistics.activity.mean) if weights is None else weights

    def mean(part: str, group: int | None) -> float:
        one: Scores = scorer(group)
        weight = weights[one.defined].double()
        return ((getattr(one, part)[one.defined] * weight).sum() / weight.sum()).item()

    parts = [
        jackknife(functools.partial(mean, part), statistics.types.n_groups) for part in ("values", "null", "above")
    ]
    undefined = statistics.activity.alive & ~scorer(None).defined
    return Measurement(*parts, n_undefined=int(undefined.sum()))
