"""What a sparse probe found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor

FIGURES = ("f1", "auc", "f1_null", "auc_null", "f1_above_null", "auc_above_null", "f1_interval", "auc_interval")
COUNTS = ("n_train", "n_test", "n_positive", "n_positive_test", "n_shuffles", "n_resamples")


@dataclass(frozen=True)
class Probe:
    """A classifier of a concept on a few neurons, and how well it does on texts that it has not seen.

    Attributes:
        neurons: the neurons it reads, the most telling first.
        weights: of each, on activations standardised on the training side; negative where the neuron is more active
            without the concept.
        threshold: of the scores; above it a sample is called positive.
        layer: of the neurons.
        level: whether a sample is a ``"text"`` or a ``"token"``.
        n_train, n_test: samples on either side.
        n_positive: samples with the concept, on both sides.
        f1, auc: on the test side.
        f1_interval, auc_interval: 95 %, over resamples of whole test texts; NaN where too few could be measured.
        f1_null, auc_null: the same figures after the labels were shuffled on either side, means over ``n_shuffles``.
        n_shuffles: how often.
        n_resamples: resamples with samples of both kinds, of 500.
        train_auc: AUC of each neuron alone on the training side, 1/2 for one that is dead there.
        scores, labels, texts: of the test samples: log-odds, whether they have the concept, number of the text.
    """

    neurons: tuple[int, ...]
    weights: tuple[float, ...]
    threshold: float
    layer: int
    level: str
    n_train: int
    n_test: int
    n_positive: int
    f1: float
    auc: float
    f1_interval: tuple[float, float]
    auc_interval: tuple[float, float]
    f1_null: float
    auc_null: float
    n_shuffles: int
    n_resamples: int
    train_auc: Float[Tensor, " d_mlp"]
    scores: Float[Tensor, " n_test"]
    labels: Bool[Tensor, " n_test"]
    texts: Int[Tensor, " n_test"]

    @property
    def f1_above_null(self) -> float:
        """F1 minus its null."""
        return self.f1 - self.f1_null

    @property
    def auc_above_null(self) -> float:
        """AUC minus its null."""
        return self.auc - self.auc_null

    @property
    def n_positive_test(self) -> int:
        """Test samples with the concept."""
        return int(self.labels.sum())

    def to_dict(self) -> dict[str, Any]:
        """Return all but the tensors as JSON holds it."""
        kept = ("neurons", "weights", "threshold", "layer", "level", *COUNTS, *FIGURES)
        values = {name: getattr(self, name) for name in kept}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
