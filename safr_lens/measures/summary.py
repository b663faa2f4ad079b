"""The few figures that say whether the neurons of a classifier can be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from safr_lens.measures.formulas.token_selectivity import token_selectivity
from safr_lens.measures.statistics import NeuronStatistics, collect_statistics
from safr_lens.measures.streams.type_means import TypeMeans
from safr_lens.models.classifier import HookedClassifier


@dataclass(frozen=True)
class NeuronSummary:
    """Neurons of one layer over the real tokens of a split.

    Attributes:
        capacity: mean over tokens, each against the other tokens of its text; silent tokens are left out, and NaN where
            all are silent.
        token_selectivity: mean over alive neurons, types seen at least 5 times; NaN where there are fewer than two.
        token_selectivity_null: the same with token types shuffled; the difference is what is above chance.
        active_per_token: mean number of neurons above 0.
        silent_tokens: share of tokens without a neuron above 0.
        alive_neurons: neurons above 0 at one token or more.
        d_mlp: number of neurons.
        n_tokens: number of real tokens.
        n_undefined: alive neurons that fire at no type seen often enough, left out of the selectivity.
    """

    capacity: float
    token_selectivity: float
    token_selectivity_null: float
    active_per_token: float
    silent_tokens: float
    alive_neurons: int
    d_mlp: int
    n_tokens: int
    n_undefined: int

    @property
    def token_selectivity_above_null(self) -> float:
        """Token selectivity minus its null."""
        return self.token_selectivity - self.token_selectivity_null


def neuron_summary(
    model: HookedClassifier, split: Iterable[dict[str, Any]], *, layer: int = -1, seed: int = 0
) -> tuple[NeuronSummary, TypeMeans]:
    """Measure the neurons of one layer on a split; also return the mean activations by token type.

    Args:
        model: a classifier.
        split: texts and labels.
        layer: by default the last.
        seed: of the permutations behind the null.

    Raises:
        DataError: an empty split.
        ConfigError: a layer that the model does not have.
    """
    found = collect_statistics(model, split, layer=layer, n_groups=1, effects=False, seed=seed)
    means = found.types.means()
    return _summary(found, means), means


def _summary(found: NeuronStatistics, means: TypeMeans) -> NeuronSummary:
    texts = {name: column.sum().item() for name, column in found.texts.columns.items()}
    selectivity, null = _selectivity(means)
    alive = found.activity.alive
    return NeuronSummary(
        capacity=texts["capacity"] / texts["with_capacity"] if texts["with_capacity"] else float("nan"),
        token_selectivity=selectivity.nanmean().item(),
        token_selectivity_null=null,
        active_per_token=texts["active"] / texts["tokens"],
        silent_tokens=texts["silent"] / texts["tokens"],
        alive_neurons=int(alive.sum()),
        d_mlp=len(alive),
        n_tokens=found.activity.n_tokens,
        n_undefined=int((alive & selectivity.isnan()).sum()),
    )


def _selectivity(means: TypeMeans) -> tuple[torch.Tensor, float]:
    """Selectivity of each neuron, and the mean of its null; NaN where fewer than two types were seen often enough."""
    if len(means.types) < 2:
        return torch.full((means.means.shape[1],), float("nan")), float("nan")
    null = torch.stack([token_selectivity(shuffled) for shuffled in means.null])
    return token_selectivity(means.means), null.nanmean(1).mean().item()
