"""The same classifier before it learned anything."""

from __future__ import annotations

from safr_lens.models.classifier import HookedClassifier


def untrained(model: HookedClassifier, *, seed: int = 0) -> HookedClassifier:
    """Return a classifier with the architecture, tokenizer and labels of another, at random initialisation.

    What it scores is what the architecture and the data alone give.
    """
    fresh = HookedClassifier.from_config(model.config, tokenizer=model.tokenizer, labels=model.labels, seed=seed)
    return fresh.to(model.device)
