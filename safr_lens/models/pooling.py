"""From one vector a token to one a text."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

POOLINGS = ("mean", "last")


def pooled(
    values: Float[Tensor, "batch pos n_classes"], mask: Bool[Tensor, "batch pos"], pooling: str = "mean"
) -> Float[Tensor, "batch n_classes"]:
    """Return the mean over the real tokens, or the value of the last; zero for a text without real tokens.

    >>> import torch
    >>> values, mask = torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([[True, True, False]])
    >>> pooled(values, mask), pooled(values, mask, "last")
    (tensor([[2.]]), tensor([[3.]]))
    """
    kept = values.masked_fill(~mask.unsqueeze(-1), 0.0)
    if pooling == "last":
        return kept[torch.arange(len(kept), device=kept.device), _last(mask)]
    return kept.sum(1) / mask.to(values.dtype).unsqueeze(-1).sum(1).clamp_min(1.0)


def token_weights(mask: Bool[Tensor, "batch pos"], pooling: str = "mean") -> Float[Tensor, "batch pos"]:
    """Return how much of each token's value is in :func:`pooled`.

    >>> token_weights(torch.tensor([[True, True, False]])), token_weights(torch.tensor([[True, True, False]]), "last")
    (tensor([[0.5000, 0.5000, 0.0000]]), tensor([[0., 1., 0.]]))
    """
    if pooling == "last":
        return (mask & (torch.arange(mask.shape[1], device=mask.device) == _last(mask).unsqueeze(1))).float()
    return mask.float() / mask.sum(1, keepdim=True).clamp_min(1)


def _last(mask: Tensor) -> Tensor:
    """Return the position of the last real token."""
    return (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(1)
