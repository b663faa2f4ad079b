"""Neurons should differ: copies of one neuron are readable, and of no use."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

TINY = 1e-8


def neuron_redundancy(neurons: Float[Tensor, "batch pos d_mlp"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, ""]:
    r"""One minus the mean capacity of neurons, each as a vector over the tokens of a batch.

    .. math::

        L_{red} = 1 - \mathrm{mean}_n \frac{1}{\sum_m \cos(h_{:n}, h_{:m})^2}

    with n and m over the neurons that fire at all, m = n included, and :math:`h_{:n}` over the real tokens of a batch.

    Args:
        neurons: h, MLP activations after the non-linearity.
        mask: True at real tokens.

    Returns:
        A scalar in [0, 1): 0 where no two neurons fire at the same tokens, 1 - 1/k where each has k - 1 copies.
        Invariant to the scale of each neuron; 0 where none fires.

    Source: ours; the inverse sum is the capacity of Scherlis et al. 2022 (arXiv 2210.01892), of neurons over tokens
    instead of tokens over neurons.

    >>> import torch
    >>> neurons = torch.tensor([[[1.0, 2.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 3.0]]])
    >>> neuron_redundancy(neurons, torch.ones(1, 3, dtype=torch.bool))
    tensor(0.3333)
    """
    rows = neurons[mask].float()
    length = rows.norm(dim=0)
    fires = length > TINY
    if not fires.any():
        return rows.sum() * 0
    unit = rows[:, fires] / length[fires]
    return 1 - (unit.T @ unit).square().sum(0).reciprocal().mean()
