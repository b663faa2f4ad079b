"""Accuracy and loss on a split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from safr_lens.measures.answers import answers
from safr_lens.models.classifier import HookedClassifier


@dataclass(frozen=True)
class Evaluation:
    """How well a classifier does on a split.

    Attributes:
        accuracy: share of texts whose largest logit is the right one.
        loss: mean cross-entropy in nats.
        n: number of texts.
        n_cut: how many of them were longer than the context and were cut.
    """

    accuracy: float
    loss: float
    n: int
    n_cut: int = 0


def evaluate(model: HookedClassifier, split: Iterable[dict[str, Any]]) -> Evaluation:
    """Return accuracy and loss of a model on a split, in evaluation mode.

    Hooks of a surrounding ``with model.hooks(...)`` apply.

    Raises:
        DataError: an empty split, or labels beyond the model's classes.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> evaluate(model, [{"text": "a good film", "label": 0}, {"text": "a good film", "label": 1}]).accuracy
    0.5
    """
    found = answers(model, split)
    return Evaluation(
        accuracy=found.correct.double().mean().item(),
        loss=found.loss.mean().item(),
        n=len(found.labels),
        n_cut=found.n_cut,
    )


def majority_share(labels: Iterable[int]) -> float:
    """Return the accuracy of always answering the most frequent class.

    >>> majority_share([0, 0, 1])
    0.6666666666666666
    """
    counts = torch.bincount(torch.tensor(list(labels), dtype=torch.long))
    return int(counts.max()) / int(counts.sum()) if len(counts) else float("nan")
