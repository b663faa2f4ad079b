"""The monosemanticity score over more rows than fit in memory, or over several processes."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torchmetrics import Metric

from safr_lens.measures.formulas.monosemanticity import known_rows, pair_mean, range_of, where_two_fire


class MonosemanticityScore(Metric):
    """:func:`~safr_lens.measures.monosemanticity_score`, a batch of rows at a time.

    The scores are those of all rows at once, for any batches and any number of processes: the smallest and the largest
    activation, known only at the end, are applied to the sums. The range, the direction and the value of neurons that
    know nothing are those of the function.

    **Give each thing one row.** Batches of running text bring the same token types again and again; equal tokens pair
    with similarity 1, and the score says how often words repeat.

    The sums are kept in double precision. Activations whose range is less than a thousandth of their mean lose digits.

    Args:
        d_mlp: number of neurons.
        d_embed: length of the embeddings.
        kwargs: of ``torchmetrics.Metric``.

    >>> metric = MonosemanticityScore(d_mlp=2, d_embed=2)
    >>> metric.update(torch.tensor([[0.0, 1.0], [2.0, 1.0]]), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> metric.update(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 0.0]]))
    >>> metric.compute(), metric.baseline()
    (tensor([1., 0.]), tensor(0.3333))
    """

    is_differentiable = False
    higher_is_better = True
    full_state_update = False

    n_rows: Tensor
    embed_sum: Tensor
    total: Tensor
    squares: Tensor
    weighted: Tensor
    smallest: Tensor
    largest_two: Tensor

    def __init__(self, d_mlp: int, d_embed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        shapes = {"n_rows": (), "embed_sum": (d_embed,), "total": (d_mlp,), "squares": (d_mlp,)}
        for name, shape in {**shapes, "weighted": (d_mlp, d_embed)}.items():
            self.add_state(name, torch.zeros(shape, dtype=torch.float64), dist_reduce_fx="sum")
        infinite = torch.full((2, d_mlp), torch.inf, dtype=torch.float64)
        self.add_state("smallest", infinite[0].clone(), dist_reduce_fx="min")
        self.add_state("largest_two", -infinite, dist_reduce_fx=_largest_two)

    def update(self, activations: Float[Tensor, "n d_mlp"], embeddings: Float[Tensor, "n d_embed"]) -> None:
        """Add rows.

        Raises:
            ValueError: not the same number of rows in both, or another ``d_mlp`` or ``d_embed``.
        """
        rows, unit = known_rows(activations, embeddings)
        if (rows.shape[1], unit.shape[1]) != tuple(self.weighted.shape):
            raise ValueError(
                f"MonosemanticityScore was made for d_mlp = {self.weighted.shape[0]} and d_embed = "
                f"{self.weighted.shape[1]}; got {rows.shape[1]} and {unit.shape[1]}."
            )
        low, largest, second = range_of(rows)
        self.n_rows = self.n_rows + len(rows)
        self.embed_sum = self.embed_sum + unit.sum(0)
        self.total = self.total + rows.sum(0)
        self.squares = self.squares + rows.square().sum(0)
        self.weighted = self.weighted + rows.T @ unit
        self.smallest = torch.minimum(self.smallest, low)
        self.largest_two = _largest_two(torch.stack([self.largest_two, torch.stack([largest, second])]))

    def compute(self) -> Float[Tensor, " d_mlp"]:
        """Return one score a neuron; NaN where it is undefined. Of a single neuron, torchmetrics drops the axis."""
        low = self.smallest
        # the weights are a - min: dividing them by the range would change no score
        weighted = self.weighted - low.unsqueeze(1) * self.embed_sum
        total = self.total - self.n_rows * low
        squares = self.squares - 2 * low * self.total + self.n_rows * low.square()
        return where_two_fire(pair_mean(weighted, total, squares), low, *self.largest_two).float()

    def baseline(self) -> Float[Tensor, ""]:
        """Return :func:`~safr_lens.measures.similarity_baseline` of all rows so far, of all processes."""
        with self.sync_context():
            return pair_mean(self.embed_sum, self.n_rows, self.n_rows).float()


def _largest_two(parts: Float[Tensor, "parts 2 d_mlp"]) -> Float[Tensor, "2 d_mlp"]:
    return torch.stack(range_of(parts.flatten(0, 1))[1:])
