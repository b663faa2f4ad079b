"""How far two tokens share their neurons."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

TINY = 1e-8


class _Cosine(torch.autograd.Function):
    """Cosines of all rows by one matrix product forward and one backward.

    With G = x x^T and r_i = 1 / |x_i|, which G's diagonal gives, o_ij = r_i r_j G_ij. For the symmetric S = g + g^T,
    dL/dx = [S_ij r_i r_j - 1(i = j) r_i^2 sum_k S_ik o_ik] x.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        gram = x @ x.transpose(-2, -1)
        squared = gram.diagonal(dim1=-2, dim2=-1)
        scale = squared.clamp_min(TINY**2).rsqrt()
        cosines = gram.mul_(scale.unsqueeze(-1)).mul_(scale.unsqueeze(-2))
        ctx.save_for_backward(x, scale, cosines)
        return cosines

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, scale, cosines = ctx.saved_tensors
        both = gradient + gradient.transpose(-2, -1)
        along = (both * cosines).sum(-1) * scale.square() * (scale < 1 / TINY)
        both = both.mul_(scale.unsqueeze(-1)).mul_(scale.unsqueeze(-2))
        both.diagonal(dim1=-2, dim2=-1).sub_(along)
        return both @ x


def overlap(neurons: Float[Tensor, "batch pos d_mlp"]) -> Float[Tensor, "batch pos pos"]:
    """Cosine of the neuron vectors of two tokens, in [-1, 1]; 0 with a token whose neurons are all silent.

    >>> overlap(torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [0.0, 0.0]]]))[0, 0]
    tensor([1., 1., 0., 0.])
    """
    return _Cosine.apply(neurons.float())
