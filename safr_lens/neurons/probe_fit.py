"""The steps of a sparse probe: the split by text, the choice of neurons, the fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from safr_lens.errors import DataError
from safr_lens.neurons.draw import token_draws
from safr_lens.neurons.samples import Samples
from safr_lens.neurons.scores import best_threshold


@dataclass(frozen=True)
class Fit:
    """A logistic regression on a few standardised neurons.

    Attributes:
        neurons: their numbers, the most telling first.
        mean, deviation: of each on the training side.
        weights, bias: of the standardised activations.
        threshold: of the scores; above it a sample is called positive.
    """

    neurons: tuple[int, ...]
    mean: Float[Tensor, " k"]
    deviation: Float[Tensor, " k"]
    weights: Float[Tensor, " k"]
    bias: float
    threshold: float

    def scores(self, neurons: Float[Tensor, "n_samples d_mlp"]) -> Float[Tensor, " n_samples"]:
        """Return the log-odds of each sample."""
        standard = (neurons[:, list(self.neurons)].double() - self.mean) / self.deviation
        return standard @ self.weights + self.bias


def split_by_text(samples: Samples, test_share: float, seed: int) -> tuple[Samples, Samples]:
    """Part samples into a training and a test side with no text on both, each with its share of texts with a positive.

    Raises:
        DataError: a side that has only one kind of samples.
    """
    texts, of_sample = samples.texts.unique(return_inverse=True)
    has_positive = torch.zeros(len(texts), dtype=torch.bool)
    has_positive[of_sample[samples.labels]] = True
    # another seed than that of the sample, whose draws are smaller in texts that were kept
    draws = token_draws(texts, torch.zeros_like(texts), seed=seed + 1)
    on_test_side = torch.zeros(len(texts), dtype=torch.bool)
    for kind in (has_positive, ~has_positive):
        ordered = kind.nonzero().flatten()[draws[kind].argsort()]
        n_test = min(max(1, round(test_share * len(ordered))), len(ordered) - 1)
        on_test_side[ordered[: max(0, n_test)]] = True
    sides = samples.where(~on_test_side[of_sample]), samples.where(on_test_side[of_sample])
    for side in sides:
        if not 0 < int(side.labels.sum()) < len(side.labels):
            raise DataError(
                f"The {len(texts)} texts, {int(has_positive.sum())} of them with the concept, cannot be parted into "
                "two sides that both have samples with and without it. Pass more texts."
            )
    return sides


def with_shuffles(
    labels: Bool[Tensor, " n_samples"], n_shuffles: int, generator: torch.Generator
) -> Bool[Tensor, "n_labelings n_samples"]:
    """Return labels, and below them the same labels in random orders."""
    shuffled = [labels[torch.randperm(len(labels), generator=generator)] for _ in range(n_shuffles)]
    return torch.stack([labels, *shuffled])


def fit_probe(
    neurons: Float[Tensor, "n_samples d_mlp"],
    labels: Bool[Tensor, " n_samples"],
    aucs: Float[Tensor, " d_mlp"],
    k: int,
) -> Fit:
    """Choose the ``k`` neurons whose AUC is farthest from 1/2 among those that vary, and fit a classifier on them.

    Raises:
        DataError: no neuron varies.
    """
    varies = neurons.amax(0) > neurons.amin(0)
    distance = (aucs - 0.5).abs().where(varies, -1.0)
    chosen = distance.sort(descending=True, stable=True).indices[: min(k, int(varies.sum()))]
    if not len(chosen):
        raise DataError("No neuron of the layer varies over the training side; there is nothing to probe.")
    values = neurons[:, chosen].double()
    mean, deviation = values.mean(0), values.std(0, correction=0)
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(((values - mean) / deviation).numpy(), labels.numpy())
    fit = Fit(
        tuple(chosen.tolist()), mean, deviation, torch.from_numpy(model.coef_[0]), float(model.intercept_[0]), 0.0
    )
    return replace(fit, threshold=best_threshold(fit.scores(neurons), labels))
