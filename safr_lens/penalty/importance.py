"""The importance term: important tokens get neurons of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.checks import check_number
from safr_lens.penalty.correlation import real_pairs
from safr_lens.penalty.inputs import TermInputs
from safr_lens.penalty.overlap import TINY, overlap
from safr_lens.penalty.term import Term


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
    *,
    overlaps: Float[Tensor, "batch pos pos"] | None = None,
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
        overlaps: o, :func:`~safr_lens.penalty.overlap` of the neurons, where it is known already.

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
    o = overlap(neurons) if overlaps is None else overlaps
    shared = (uncorrelated * o.square()).sum(-1) / uncorrelated.sum(-1).clamp_min(TINY)
    weights = importance.float() * mask
    separation = _weighted_mean(shared, weights)
    return separation + l1_ratio * _weighted_mean(density(neurons), weights) if l1_ratio else separation


def _weighted_mean(values: Float[Tensor, "batch pos"], weights: Float[Tensor, "batch pos"]) -> Float[Tensor, ""]:
    return (weights * values).sum() / weights.sum().clamp_min(TINY)


@dataclass(frozen=True)
class NeuronImportance(Term):
    """:func:`neuron_importance` of the compared tokens."""

    name = "importance"
    sentence = "Important tokens get neurons of their own."
    site = "neurons"
    needs = ("compared",)
    weight = 2.0

    l1_ratio: float = 0.0

    def __post_init__(self) -> None:
        check_number("l1_ratio", self.l1_ratio, low=0.0)

    def value(self, inputs: TermInputs) -> Float[Tensor, ""]:
        seen = inputs.compared
        known = {"overlaps": seen.overlaps}
        return neuron_importance(seen.neurons, seen.importance, seen.correlation, seen.mask, self.l1_ratio, **known)
