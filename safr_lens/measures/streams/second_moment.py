"""The second moment of feature vectors that come a batch at a time, and the dimensions they fill."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.measures.formulas.rank import spectrum_effective_rank, spectrum_participation_ratio
from safr_lens.measures.streams.dataclass_metric import ReducedMetric


# not a dataclass: torchmetrics refuses frozen ones as the result of ``compute``
class MomentRanks(NamedTuple):
    """How many dimensions the vectors fill, around the origin and around their mean; NaN where all are 0.

    Attributes:
        effective_rank: as :func:`safr_lens.measures.effective_rank`.
        participation_ratio: as :func:`safr_lens.measures.participation_ratio`.
        centred_effective_rank: the same without the mean vector.
        centred_participation_ratio: the same without the mean vector.
        n_features: number of vectors seen.
    """

    effective_rank: float
    participation_ratio: float
    centred_effective_rank: float
    centred_participation_ratio: float
    n_features: int


class SecondMoment(ReducedMetric):
    r"""Effective rank and participation ratio of vectors that need not fit into memory together.

    .. math:: M = \sum_i x_i x_i^\top, \qquad M_c = M - \frac{1}{n} \Big(\sum_i x_i\Big) \Big(\sum_i x_i\Big)^\top

    The singular values are the square roots of the eigenvalues of M or :math:`M_c`. Ranges, direction, values on random
    input and sample sizes are those of the functions in :mod:`safr_lens.measures.formulas.rank`.

    **Squaring halves the digits**: singular values below about 1e-7 of the largest count as 0, among them the rounding
    of float32 vectors that lie in a few dimensions; so does a spread below about 1e-7 of the mean. The states are
    float64 sums, so batches and processes may come in any order.

    Args:
        dim: length of a vector.
        kwargs: options of :class:`torchmetrics.Metric`, such as ``dist_sync_on_step``.

    Raises:
        ValueError: on ``update``, vectors of another length, or a value that is not finite.

    >>> moment = SecondMoment(2)
    >>> moment.update(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    >>> moment.update(torch.tensor([[0.0, 1.0], [0.0, -1.0]]))
    >>> round(moment.compute().effective_rank, 6), round(moment.compute().centred_participation_ratio, 6)
    (2.0, 2.0)
    """

    full_state_update = False
    higher_is_better = None
    is_differentiable = False

    products: Tensor
    total: Tensor
    n_features: Tensor

    def __init__(self, dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dim = dim
        self.add_state("products", torch.zeros(dim, dim, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros(dim, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("n_features", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, features: Float[Tensor, "n_features dim"]) -> None:
        """Add vectors, one a row."""
        if features.ndim != 2 or features.shape[1] != self.dim:
            raise ValueError(f"SecondMoment expects [n_features, {self.dim}]; got {list(features.shape)}.")
        # checked here, where the batch is known: one of them would spoil every figure
        if not features.isfinite().all():
            raise ValueError("SecondMoment got a value that is not finite; leave such vectors out before the update.")
        exact = features.detach().double()
        self.products += exact.T @ exact
        self.total += exact.sum(0)
        self.n_features += len(exact)

    def compute(self) -> MomentRanks:
        """Return the four ranks of all vectors so far."""
        mean = self.total / self.n_features.clamp_min(1)
        # centring subtracts large numbers: what counts as rounding error is measured before it
        largest = self.products.diagonal().sum()
        plain = _eigenvalues(self.products, largest)
        centred = _eigenvalues(self.products - torch.outer(self.total, mean), largest)
        return MomentRanks(
            effective_rank=spectrum_effective_rank(plain.sqrt()).item(),
            participation_ratio=spectrum_participation_ratio(plain).item(),
            centred_effective_rank=spectrum_effective_rank(centred.sqrt()).item(),
            centred_participation_ratio=spectrum_participation_ratio(centred).item(),
            n_features=int(self.n_features),
        )


def _eigenvalues(moment: Float[Tensor, "dim dim"], largest: Float[Tensor, ""]) -> Float[Tensor, " dim"]:
    """Eigenvalues, with those that are rounding error set to 0."""
    eigenvalues = torch.linalg.eigvalsh(moment)
    return eigenvalues.where(eigenvalues > largest * len(moment) * torch.finfo(moment.dtype).eps, 0.0)
