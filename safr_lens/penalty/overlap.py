"""How far two tokens share their neurons."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

TINY = 1e-8


class _Gram(torch.autograd.Function):
    """Inner products of all rows; their gradient is one matrix product, where autograd makes two for ``x @ x.T``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x @ x.transpose(-2, -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return (gradient + gradient.transpose(-2, -1)) @ x


def overlap(neurons: Float[Tensor, "batch pos d_mlp"]) -> Float[Tensor, "batch pos pos"]:
    """Cosine of the neuron vectors of two tokens, in [-1, 1]; 0 with a token whose neurons are all silent.

    >>> overlap(torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [0.0, 0.0]]]))[0, 0]
    tensor([1., 1., 0., 0.])
    """
    neurons = neurons.float()
    unit = neurons / neurons.norm(dim=-1, keepdim=True).clamp_min(TINY)
    return _Gram.apply(unit)
