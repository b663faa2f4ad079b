"""How often and how strongly each neuron fires."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.measures.streams.dataclass_metric import DataclassMetric


@dataclass(frozen=True)
class Activity:
    """Firing of each neuron over the tokens of a corpus.

    Attributes:
        n_tokens: number of tokens.
        firing_rate: share of tokens at which the neuron is above 0 (L0 over its lifetime).
        mean: mean activation.
        max: largest activation.
        lifetime_sparsity: Hoyer's sparsity over all tokens, 0 for constant and 1 for a single firing; NaN for a neuron
            that is 0 throughout, or with one token only. Rectified normal activations have 0.44; a neuron that is 1 at
            a share f of the tokens and 0 elsewhere has 1 - sqrt(f).
    """

    n_tokens: int
    firing_rate: Float[Tensor, " d_mlp"]
    mean: Float[Tensor, " d_mlp"]
    max: Float[Tensor, " d_mlp"]
    lifetime_sparsity: Float[Tensor, " d_mlp"]

    @property
    def alive(self) -> Bool[Tensor, " d_mlp"]:
        """Which neurons are above 0 at one token or more."""
        return self.firing_rate > 0


class NeuronActivity(DataclassMetric[Activity]):
    """Streams firing rates, means, maxima and lifetime sparsity of neurons.

    >>> metric = NeuronActivity(d_mlp=2)
    >>> metric.update(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    >>> metric.update(torch.tensor([[1.0, 0.0], [1.0, 4.0]]))
    >>> activity = metric.result()
    >>> activity.firing_rate.tolist(), activity.lifetime_sparsity.tolist()
    ([1.0, 0.25], [0.0, 1.0])
    """

    largest: Tensor

    def __init__(self, d_mlp: int) -> None:
        super().__init__()
        for name in ("sums", "magnitudes", "squares"):
            self.add_state(name, torch.zeros(d_mlp, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("fired", torch.zeros(d_mlp, dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("n", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")
        self.add_state("largest", torch.full((d_mlp,), -torch.inf, dtype=torch.float64), dist_reduce_fx="max")

    def update(self, neurons: Float[Tensor, "n_tokens d_mlp"]) -> None:
        """Add the activations of some tokens."""
        if not len(neurons):
            return
        self.n += len(neurons)
        self.fired += (neurons > 0).sum(0)
        self.largest = torch.maximum(self.largest, neurons.amax(0).double())
        exact = neurons.to(torch.float64, copy=True)  # norms along the first dimension are many times slower
        self.sums += exact.sum(0)
        self.magnitudes += exact.abs_().sum(0)  # in place, since new memory of this size is mapped anew each time
        self.squares += exact.square_().sum(0)

    def _result(self) -> Activity:
        n = int(self.n)
        root = math.sqrt(n)
        below = root - 1 if n > 1 else math.nan
        sparsity = (root - self.magnitudes / self.squares.sqrt()) / below
        return Activity(
            n_tokens=n,
            firing_rate=(self.fired / n).float(),
            mean=(self.sums / n).float(),
            max=self.largest.float(),
            lifetime_sparsity=sparsity.clamp(0, 1).float(),
        )
