"""How far two tokens share their neurons."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

TINY = 1e-8


def overlap(neurons: Float[Tensor, "batch pos d_mlp"]) -> Float[Tensor, "batch pos pos"]:
    """Cosine of the neuron vectors of two tokens, in [-1, 1]; 0 with a token whose neurons are all silent.

    >>> import torch
    >>> overlap(torch.tensor([[[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [0.0, 0.0]]]))[0, 0]
    tensor([1., 1., 0., 0.])
    """
    neurons = neurons.float()
    unit = neurons / neurons.norm(dim=-1, keepdim=True).clamp_min(TINY)
    return unit @ unit.transpose(1, 2)
