"""The same classifier before it learned anything."""

from __future__ import annotations

import torch

from safr_lens.models.classifier import HookedClassifier


def untrained(model: HookedClassifier, *, seed: int = 0) -> HookedClassifier:
    """Return a classifier with the architecture, tokenizer and labels of another, at random initialisation.

    What it scores is what the architecture and the data alone give; weights that a training would leave alone are those
    of the other.
    """
    fresh = HookedClassifier.from_config(model.config, tokenizer=model.tokenizer, labels=model.labels, seed=seed)
    own = dict(fresh.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not own[name].requires_grad:
                own[name].copy_(parameter)
    return fresh.to(model.device)
