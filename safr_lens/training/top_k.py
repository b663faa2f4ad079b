"""Training of models that keep their largest neurons alone."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import torch

from safr_lens.data.batching import Batch
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating
from safr_lens.training.config import TrainConfig

THRESHOLD_BATCHES = 64


def annealed(k: int, d_mlp: int, *, epochs: float, epoch: float) -> int:
    r"""Return k at a point of the training: it falls geometrically from all neurons to its own value.

    .. math:: k(t) = \mathrm{round}\left( d_{mlp}^{1 - t/T} \, k^{t/T} \right)

    with t epochs done, of T, after which it is k.

    >>> [annealed(16, 1024, epochs=3, epoch=epoch) for epoch in (0, 1, 2, 3)]
    [1024, 256, 64, 16]
    """
    if epoch >= epochs:
        return k
    return round(d_mlp * (k / d_mlp) ** (epoch / epochs))


def step_k(model: HookedClassifier, config: TrainConfig, *, epoch: float) -> int | None:
    """Return k of a training step, or None for a model that has none."""
    k = model.config.k
    return None if k is None else annealed(k, model.config.d_mlp, epochs=config.k_epochs or 0.0, epoch=epoch)


def estimate_thresholds(model: HookedClassifier, batches: Iterable[Batch]) -> None:
    """Set from which activation on a model with ``"batch_topk"`` keeps neurons in evaluation.

    It is the mean over batches of the smallest activation that the batch keeps, layer by layer.

    Args:
        model: with the weights that are evaluated; others are left alone.
        batches: of the training split; the first 64 are read.

    Source: Bussmann et al. 2024 (arXiv 2412.06410), who take a running mean over training steps instead, which would
    lag behind averaged weights.
    """
    top_k = model.top_k
    if top_k is None or not top_k.over_batch:
        return
    names = [model.adapter.neurons(layer) for layer in range(model.config.n_layers)]
    by_layer: list[list[torch.Tensor]] = [[] for _ in names]
    with evaluating(model):
        for batch in itertools.islice(batches, THRESHOLD_BATCHES):
            batch = batch.to(model.device)
            seen = model(batch.tokens, batch.mask, capture=names, k=model.config.k).activations
            for smallest, name in zip(by_layer, names, strict=True):
                active = seen[name][seen[name] > 0]
                smallest += [active.min()] if len(active) else []
    for layer, smallest in enumerate(by_layer):
        if smallest:
            top_k.thresholds[layer] = torch.stack(smallest).mean()
