"""Which pairs of tokens are correlated, read off the attention."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def real_pairs(mask: Bool[Tensor, "batch pos"]) -> Bool[Tensor, "batch pos pos"]:
    """True for pairs of two different real tokens."""
    diagonal = torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
    return mask.unsqueeze(1) & mask.unsqueeze(2) & ~diagonal


def attention_correlation(
    pattern: Float[Tensor, "batch head_index pos pos"],
    mask: Bool[Tensor, "batch pos"],
    threshold: float = 2.0,
) -> Float[Tensor, "batch pos pos"]:
    r"""Correlation of token pairs as attention lift over uniform attention.

    .. math:: lift_{ij} = n \, (\bar A_{ij} + \bar A_{ji}) / 2, \qquad
              C_{ij} = relu(lift_{ij} - \tau) \,/\, \max_{kl} relu(lift_{kl} - \tau)

    with :math:`\bar A` the mean over heads, n the number of real tokens and :math:`i \ne j` both real. Uniform
    attention has lift 1.

    Args:
        pattern: attention pattern, query by key, rows summing to 1.
        mask: True at real tokens.
        threshold: tau, in multiples of uniform attention.

    Returns:
        C in [0, 1], symmetric, zero on the diagonal and at padding; all zero where no pair exceeds the threshold.
        It has no gradient.

    Source: ours; the SAFR paper (arXiv 2501.16374) uses raw attention, see docs/deviations.md.

    >>> pattern = torch.tensor([[[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.3, 0.3, 0.4]]]])
    >>> attention_correlation(pattern, torch.ones(1, 3, dtype=torch.bool))[0, 0]
    tensor([0., 1., 0.])
    """
    mean = pattern.detach().float().mean(1)
    n_real = mask.sum(1).view(-1, 1, 1)
    lift = n_real * (mean + mean.transpose(1, 2)) / 2
    excess = torch.relu(lift - threshold) * real_pairs(mask)
    largest = excess.amax((1, 2), keepdim=True)
    return excess / torch.where(largest > 0, largest, 1.0)
