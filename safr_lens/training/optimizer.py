"""The optimizer of a training: which weights it changes, and at which learning rate."""

from __future__ import annotations

import torch

from safr_lens.backbones.protocol import encoder_of
from safr_lens.models.classifier import HookedClassifier
from safr_lens.training.config import TrainConfig

PEAK = "peak"


def make_optimizer(model: HookedClassifier, config: TrainConfig) -> torch.optim.Optimizer:
    """Return Adam, or AdamW where weights decay, over the trained weights.

    Those of a pretrained encoder are a group with a learning rate of their own.
    """
    encoder = encoder_of(model.adapter)
    pretrained = set() if encoder is None else {id(weight) for weight in encoder.module.parameters()}
    rates = (config.learning_rate, config.backbone_learning_rate or config.learning_rate)
    groups = [
        {"params": weights, "lr": rate, PEAK: rate}
        for rate, inside in zip(rates, (False, True), strict=True)
        if (weights := [w for w in model.parameters() if w.requires_grad and (id(w) in pretrained) == inside])
    ]
    if config.weight_decay is None:
        return torch.optim.Adam(groups, fused=True)
    return torch.optim.AdamW(groups, weight_decay=config.weight_decay, fused=True)


def set_learning_rates(optimizer: torch.optim.Optimizer, config: TrainConfig, *, epoch: float) -> None:
    """Set the learning rates of a step that is made at a point of the training, in epochs from 0."""
    if config.warmup is not None:
        progress = (epoch - config.head_epochs) / config.epochs
        share = 1.0 if progress < 0 else warmed_up(progress, config.warmup)
        for group in optimizer.param_groups:
            group["lr"] = group[PEAK] * share


def warmed_up(progress: float, warmup: float) -> float:
    """Return the share of its peak that a learning rate has: it rises linearly, then falls linearly to 0.

    ``progress`` is the share of the training that is done, in [0, 1], ``warmup`` that over which it rises.

    >>> [warmed_up(progress, 0.25) for progress in (0.0, 0.125, 0.25, 0.625, 1.0)]
    [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    return progress / warmup if progress < warmup else (1 - progress) / (1 - warmup)
