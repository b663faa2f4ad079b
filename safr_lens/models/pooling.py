"""From one vector a token to one a text."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor


def masked_mean(
    values: Float[Tensor, "batch pos n_classes"], mask: Bool[Tensor, "batch pos"]
) -> Float[Tensor, "batch n_classes"]:
    """Mean over the real tokens: ``sum_i m_i v_i / sum_i m_i``; zero for a text without real tokens.

    >>> import torch
    >>> masked_mean(torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    weights = mask.to(values.dtype).unsqueeze(-1)
    return (values.masked_fill(~mask.unsqueeze(-1), 0.0)).sum(1) / weights.sum(1).clamp_min(1.0)
