"""What a classifier answers to each text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from safr_lens.activations.stream import text_batches
from safr_lens.errors import DataError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating


@dataclass(frozen=True)
class Answers:
    """One value a text, in the order of the data.

    Attributes:
        predicted: number of the class with the largest logit.
        labels: the right class.
        loss: cross-entropy in nats.
        n_cut: how many of the texts were cut to the context.
    """

    predicted: Int[Tensor, " n_texts"]
    labels: Int[Tensor, " n_texts"]
    loss: Float[Tensor, " n_texts"]
    n_cut: int = 0

    @property
    def correct(self) -> Bool[Tensor, " n_texts"]:
        """Whether each answer is right."""
        return self.predicted == self.labels


def answers(model: HookedClassifier, split: Iterable[dict[str, Any]]) -> Answers:
    """Classify every text of a split, in evaluation mode; hooks of a surrounding ``with model.hooks(...)`` apply.

    Raises:
        DataError: an empty split, or labels that the model does not know.
    """
    examples, predicted, labels, losses, n_cut = [], [], [], [], 0
    for batch in text_batches(model, split):
        strange = batch.labels[(batch.labels < 0) | (batch.labels >= len(model.labels))]
        if len(strange):
            raise DataError(
                f"The data has label {int(strange[0])}, but the model knows {len(model.labels)} classes: "
                f"{', '.join(model.labels)}."
            )
        batch = batch.to(model.device)
        with evaluating(model):
            logits = model(batch.tokens, batch.mask).logits.float()
        examples.append(batch.example.cpu())
        predicted.append(logits.argmax(-1).cpu())
        labels.append(batch.labels.cpu())
        losses.append(F.cross_entropy(logits, batch.labels, reduction="none").double().cpu())
        n_cut += batch.n_cut
    order = torch.cat(examples).argsort()
    return Answers(torch.cat(predicted)[order], torch.cat(labels)[order], torch.cat(losses)[order], n_cut)
