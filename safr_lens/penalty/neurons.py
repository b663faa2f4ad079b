"""SAFR on MLP neurons: important tokens get neurons of their own, correlated pairs share them."""

from __future__ import annotations

import math

from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.penalty.correlation import real_pairs

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


def density(neurons: Float[Tensor, "batch pos d_mlp"]) -> Float[Tensor, "batch pos"]:
    """L1 over L2 norm, divided by its largest value: 1 if all neurons are equal, 1/sqrt(d_mlp) if one is active.

    A silent token has density 0, so the sparsity term alone would reward silence; the share of silent tokens is
    therefore reported with every result.

    >>> import torch
    >>> density(torch.tensor([[[2.0, 2.0, 2.0, 2.0], [0.0, 5.0, 0.0, 0.0]]]))
    tensor([[1.0000, 0.5000]])
    """
    neurons = neurons.float()
    l1, l2 = neurons.abs().sum(-1), neurons.norm(dim=-1)
    return l1 / (math.sqrt(neurons.shape[-1]) * l2.clamp_min(TINY))


def neuron_importance(
    neurons: Float[Tensor, "batch pos d_mlp"],
    importance: Float[Tensor, "batch pos"],
    correlation: Float[Tensor, "batch pos pos"],
    mask: Bool[Tensor, "batch pos"],
    l1_ratio: float = 1.0,
) -> Float[Tensor, ""]:
    r"""Importance term: the representation of important tokens should be monosemantic.

    .. math:: s_i = \frac{\sum_{j \ne i} (1 - C_{ij}) \, o_{ij}^2}{\sum_{j \ne i} (1 - C_{ij})}, \qquad
              L_{imp} = \frac{\sum_i q_i \left[ s_i + \lambda \, \|h_i\|_1 / (\sqrt{d_{mlp}} \|h_i\|_2) \right]}
                             {\sum_i q_i}

    The sums over i run over all real tokens of the batch, those over j over the real tokens of the same text.

    Args:
        neurons: h, MLP activations after the non-linearity.
        importance: q in [0, 1].
        correlation: C in [0, 1]; correlated pairs are left out of s.
        mask: True at real tokens.
        l1_ratio: lambda, the weight of the sparsity part.

    Returns:
        A scalar in [0, 1 + l1_ratio]; invariant to the scale of each token's neurons and of q.

    Source: our reading of "monosemantic neurons for important tokens" (arXiv 2501.16374); the authors' release
    works on embeddings instead, see :func:`safr_lens.penalty.embedding_importance`.

    >>> import torch
    >>> h = torch.eye(4).unsqueeze(0)
    >>> everything = torch.ones(1, 4, dtype=torch.bool)
    >>> neuron_importance(h, torch.ones(1, 4), torch.zeros(1, 4, 4), everything, l1_ratio=1.0)
    tensor(0.5000)
    """
    uncorrelated = real_pairs(mask) * (1 - correlation.float())
    shared = (uncorrelated * overlap(neurons).square()).sum(-1) / uncorrelated.sum(-1).clamp_min(TINY)
    weights = importance.float() * mask
    return _weighted_mean(shared, weights) + l1_ratio * _weighted_mean(density(neurons), weights)


def _weighted_mean(values: Float[Tensor, "batch pos"], weights: Float[Tensor, "batch pos"]) -> Float[Tensor, ""]:
    return (weights * values).sum() / weights.sum().clamp_min(TINY)


def neuron_interaction(
    neurons: Float[Tensor, "batch pos d_mlp"],
    importance: Float[Tensor, "batch pos"],
    correlation: Float[Tensor, "batch pos pos"],
    mask: Bool[Tensor, "batch pos"],
) -> Float[Tensor, ""]:
    r"""Interaction term: correlated important pairs should share neurons.

    .. math:: L_{inter} = \frac{\sum_{ij} w_{ij} (1 - o_{ij})}{\sum_{ij} w_{ij}}, \qquad w_{ij} = C_{ij} q_i q_j

    over all pairs of real tokens of the same text in the batch.

    Args:
        neurons, importance, correlation, mask: as in :func:`neuron_importance`.

    Returns:
        A scalar in [0, 1] for non-negative neurons (up to 2 otherwise); 0 where no pair is correlated.

    Source: our reading of arXiv 2501.16374; see :func:`safr_lens.penalty.embedding_interaction` for the release's.

    >>> import torch
    >>> h = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    >>> pairs = torch.zeros(1, 3, 3)
    >>> pairs[0, 0, 1] = pairs[0, 1, 0] = 1.0
    >>> neuron_interaction(h, torch.ones(1, 3), pairs, torch.ones(1, 3, dtype=torch.bool))
    tensor(0.)
    """
    q = importance.float()
    weights = real_pairs(mask) * correlation.float() * q.unsqueeze(1) * q.unsqueeze(2)
    return (weights * (1 - overlap(neurons))).sum() / weights.sum().clamp_min(TINY)
