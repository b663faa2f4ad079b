"""The neurons at texts or tokens that have a concept, and at others that do not."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.stream import Data, stream_activations
from safr_lens.errors import DataError
from safr_lens.models.backbone import reading_hook
from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.concept import Labeller
from safr_lens.neurons.draw import DrawnSample, token_draws
from safr_lens.neurons.rounding import leading_digits

MIN_EACH = 4


@dataclass(frozen=True)
class Samples:
    """Neurons at some texts or tokens.

    Attributes:
        neurons: one text (the mean over its real tokens) or token a row, to five digits.
        labels: whether it has the concept.
        texts: number in the data of the text that it is or stands in.
    """

    neurons: Float[Tensor, "n_samples d_mlp"]
    labels: Bool[Tensor, " n_samples"]
    texts: Int[Tensor, " n_samples"]

    def where(self, chosen: Bool[Tensor, " n_samples"]) -> Samples:
        """Return some of the samples."""
        return Samples(self.neurons[chosen], self.labels[chosen], self.texts[chosen])


def concept_samples(
    model: HookedClassifier, data: Data, labeller: Labeller, *, layer: int, max_samples: int, seed: int
) -> Samples:
    """Return the neurons at texts or tokens with the concept, and at as many others as ``max_samples`` leaves room for.

    Those with the concept are all kept up to half of ``max_samples``. Whatever does not fit is left out by a draw that
    does not depend on batches.

    Raises:
        DataError: labels that do not fit the data, or fewer than 4 samples with or without the concept.
    """
    if isinstance(data, Sized) and labeller.n_texts is not None:
        labeller.check_length(len(data))
    positives, negatives = DrawnSample(max_samples // 2), DrawnSample(max_samples)
    counts = {True: 0, False: 0}
    n_texts = 0
    for batch in stream_activations(model, data, name := reading_hook(model.config, layer)):
        n_texts += len(batch.example)
        neurons, example, draws = _rows(batch, batch.activations[name].float(), labeller.level, seed)
        labels = labeller.of_batch(batch)
        for kept, wanted in ((positives, labels), (negatives, ~labels)):
            kept.add(draws[wanted], neurons[wanted.to(neurons.device)], example[wanted])
        counts[True] += int(labels.sum())
        counts[False] += int((~labels).sum())
    labeller.check_length(n_texts)
    _check_counts(counts, labeller.level)
    with_it = positives.columns()
    without = negatives.columns(max_samples - len(with_it[0]))
    labels = torch.arange(len(with_it[0]) + len(without[0])) < len(with_it[0])
    # in pieces, since rounding takes several times the memory of what it rounds
    neurons = torch.cat([leading_digits(piece) for rows in (with_it[0], without[0]) for piece in rows.split(1024)])
    return Samples(neurons, labels, torch.cat([with_it[1], without[1]]))


def _rows(batch: ActivationBatch, neurons: Tensor, level: str, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    if level == "token":
        example = batch.example[batch.rows].cpu()
        return neurons, example, token_draws(example, batch.positions, seed=seed)
    sums = neurons.new_zeros(len(batch.example), neurons.shape[1]).index_add_(0, batch.rows, neurons)
    example = batch.example.cpu()
    return sums / batch.lengths.unsqueeze(1), example, token_draws(example, torch.zeros_like(example), seed=seed)


def _check_counts(counts: dict[bool, int], level: str) -> None:
    for has_it, n in counts.items():
        if n < MIN_EACH:
            raise DataError(
                f"Only {n} of {sum(counts.values())} {level}s are {'with' if has_it else 'without'} the concept; a "
                f"probe needs at least {MIN_EACH} with it and {MIN_EACH} without."
            )
