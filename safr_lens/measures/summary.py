"""The few figures that say whether the neurons of a classifier can be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from safr_lens.data.batching import batches
from safr_lens.errors import DataError
from safr_lens.measures.collect import BATCH_SIZE, text_neurons
from safr_lens.measures.selectivity import token_selectivity
from safr_lens.measures.superposition import capacity
from safr_lens.measures.type_means import TypeMeans, type_means
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
    tokens = _all_tokens(model, split)
    totals = {"capacity": 0.0, "defined": 0, "active": 0, "silent": 0}
    fired = torch.zeros(model.config.d_mlp, dtype=torch.bool)

    def pieces():
        for text in text_neurons(model, split, layer=layer):
            active = text.neurons > 0
            found = capacity(text.neurons)
            totals["capacity"] += found.nansum().item()
            totals["defined"] += int((~found.isnan()).sum())
            totals["active"] += int(active.sum())
            totals["silent"] += int((~active.any(1)).sum())
            fired.logical_or_(active.any(0))
            yield text.neurons

    means = type_means(tokens, pieces(), seed=seed)
    selectivity, null = _selectivity(means)
    summary = NeuronSummary(
        capacity=totals["capacity"] / totals["defined"] if totals["defined"] else float("nan"),
        token_selectivity=selectivity.nanmean().item(),
        token_selectivity_null=null,
        active_per_token=totals["active"] / len(tokens),
        silent_tokens=totals["silent"] / len(tokens),
        alive_neurons=int(fired.sum()),
        d_mlp=model.config.d_mlp,
        n_tokens=len(tokens),
        n_undefined=int((fired & selectivity.isnan()).sum()),
    )
    return summary, means


def _selectivity(means: TypeMeans) -> tuple[torch.Tensor, float]:
    """Selectivity of each neuron, and the mean of its null; NaN where fewer than two types were seen often enough."""
    if len(means.types) < 2:
        return torch.full((means.means.shape[1],), float("nan")), float("nan")
    null = torch.stack([token_selectivity(shuffled) for shuffled in means.null])
    return token_selectivity(means.means), null.nanmean(1).mean().item()


def _all_tokens(model: HookedClassifier, split: Iterable[dict[str, Any]]) -> torch.Tensor:
    # the order of text_neurons: types must be known ahead of the neurons, to be shuffled among all tokens
    found = [
        batch.tokens[batch.mask]
        for batch in batches(split, model.tokenizer, n_ctx=model.config.n_ctx, batch_size=BATCH_SIZE)
    ]
    if not found:
        raise DataError("The split holds no texts; there is nothing to measure.")
    return torch.cat(found)
