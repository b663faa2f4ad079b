"""The interaction term: correlated pairs of important tokens share neurons."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.penalty.correlation import real_pairs
from safr_lens.penalty.inputs import TermInputs
from safr_lens.penalty.overlap import TINY, overlap
from safr_lens.penalty.term import Term


def neuron_interaction(
    neurons: Float[Tensor, "batch pos d_mlp"],
    importance: Float[Tensor, "batch pos"],
    correlation: Float[Tensor, "batch pos pos"],
    mask: Bool[Tensor, "batch pos"],
    *,
    overlaps: Float[Tensor, "batch pos pos"] | None = None,
) -> Float[Tensor, ""]:
    r"""Interaction term: correlated important pairs should share neurons.

    .. math:: L_{inter} = \frac{\sum_{ij} w_{ij} (1 - o_{ij})}{\sum_{ij} w_{ij}}, \qquad w_{ij} = C_{ij} q_i q_j

    over all pairs of real tokens of the same text in the batch.

    Args:
        neurons, importance, correlation, mask, overlaps: as in :func:`neuron_importance`.

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
    o = overlap(neurons) if overlaps is None else overlaps
    return (weights * (1 - o)).sum() / weights.sum().clamp_min(TINY)


class NeuronInteraction(Term):
    """:func:`neuron_interaction` of the compared tokens."""

    name = "interaction"
    sentence = "Correlated pairs of important tokens share neurons."
    site = "neurons"
    needs = ("compared",)
    weight = 1.0

    def value(self, inputs: TermInputs) -> Float[Tensor, ""]:
        seen = inputs.compared
        q = seen.importance * seen.shares
        return neuron_interaction(seen.neurons, q, seen.correlation, seen.mask, overlaps=seen.overlaps)
