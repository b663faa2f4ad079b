"""The figures of a classifier's neurons, each with its interval and, where chance alone would give one, its null."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.json_values import without_nan
from safr_lens.measures.against_null import Scorer, Scores, class_scores, meaning_scores, token_scores
from safr_lens.measures.estimate import Estimate, bootstrap_ratio, jackknife, no_interval
from safr_lens.measures.predictions import Predictions
from safr_lens.measures.statistics import NeuronStatistics


@dataclass(frozen=True)
class Figure:
    """One figure of a classifier.

    Attributes:
        estimate: the figure with its replicates.
        null: what chance alone gives, for figures that chance raises.
        above: the difference to the null, with the replicates paired.
        n_undefined: neurons (alive ones) or tokens for which the measure is undefined and which are left out.
    """

    estimate: Estimate
    null: Estimate | None = None
    above: Estimate | None = None
    n_undefined: int = 0

    @property
    def judged(self) -> Estimate:
        """What to compare between models: the figure above its null where it has one."""
        return self.above or self.estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the figure as JSON holds it; what is undefined is None."""
        found: dict[str, Any] = self.estimate.to_dict()
        if self.null and self.above:
            found |= {"null": self.null.to_dict(), "above_null": self.above.to_dict()}
        return without_nan(found | {"n_undefined": self.n_undefined})


def figures(
    found: NeuronStatistics,
    *,
    embeddings: Float[Tensor, "d_vocab d_embed"] | None = None,
    ablated: Mapping[str, Predictions] | None = None,
    seed: int = 0,
) -> dict[str, Figure]:
    """Return the figures of one layer's neurons by name, in the order of :data:`safr_lens.measures.CATALOGUE`.

    Means over neurons are over alive ones. Intervals are over sentences: a bootstrap for means over sentences or their
    tokens, a jackknife over groups of sentences for means over neurons.

    Args:
        found: of a pass over a corpus.
        embeddings: one row a token id, for the monosemanticity score; left out without.
        ablated: predictions with all MLPs ablated, by mode, for the reliance; left out without.
        seed: of the bootstrap; the same for figures that are to be compared.
    """
    texts = functools.partial(found.texts.ratio, seed=seed)
    result: dict[str, Figure] = {}
    if found.classes is not None:
        result["accuracy"] = Figure(texts("correct"))
        result["loss"] = Figure(texts("loss"))
        for mode, predictions in (ablated or {}).items():
            lost = found.texts.columns["correct"] - predictions.correct.double()
            result[f"reliance_{mode}"] = Figure(bootstrap_ratio(lost, torch.ones_like(lost), seed=seed))
    n_tokens = found.activity.n_tokens
    result["capacity"] = Figure(
        _ratio_or_nan(found, "capacity", seed), n_undefined=n_tokens - int(found.texts.columns["with_capacity"].sum())
    )
    for name, scorer in _scorers(found, embeddings).items():
        result[name] = _over_neurons(found, scorer)
    result["population_sparsity"] = Figure(
        _ratio_or_nan(found, "sparsity", seed), n_undefined=n_tokens - int(found.texts.columns["with_sparsity"].sum())
    )
    result["active_per_token"] = Figure(texts("active", "tokens"))
    result["silent_tokens"] = Figure(texts("silent", "tokens"))
    result["alive_neurons"] = Figure(no_interval(float(found.activity.alive.double().mean())))
    if found.ranks is not None:
        result["effective_rank"] = Figure(no_interval(found.ranks.effective_rank))
        result["participation_ratio"] = Figure(no_interval(found.ranks.participation_ratio))
    return result


def _scorers(found: NeuronStatistics, embeddings: Tensor | None) -> dict[str, Scorer]:
    scorers = {"token_selectivity": token_scores(found)}
    if found.classes is not None:
        scorers["class_selectivity"] = class_scores(found)
    if embeddings is not None:
        scorers["monosemanticity"] = meaning_scores(found, embeddings)
    return scorers


def _over_neurons(found: NeuronStatistics, scorer: Scorer) -> Figure:
    scores = functools.cache(scorer)

    def mean(part: str, group: int | None) -> float:
        one: Scores = scores(group)
        return getattr(one, part)[one.defined].double().mean().item()

    parts = {
        part: jackknife(functools.partial(mean, part), found.types.n_groups) for part in ("values", "null", "above")
    }
    undefined = found.activity.alive & ~scores(None).defined
    return Figure(parts["values"], parts["null"], parts["above"], n_undefined=int(undefined.sum()))


def _ratio_or_nan(found: NeuronStatistics, column: str, seed: int) -> Estimate:
    if not found.texts.columns[f"with_{column}"].any():
        return no_interval(math.nan)
    return found.texts.ratio(column, f"with_{column}", seed=seed)
