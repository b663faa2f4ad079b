"""Baselines: sparse activations, and the monosemanticity score itself as a loss."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.penalty.inputs import TermInputs
from safr_lens.penalty.relatedness import unit_or_zero
from safr_lens.penalty.term import Term


def activation_l1(neurons: Float[Tensor, "batch pos d_mlp"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, ""]:
    r"""Mean absolute activation: plain L1 on neurons.

    .. math:: L_1 = \frac{1}{N \, d_{mlp}} \sum_i \|h_i\|_1

    with i over the N real tokens of the batch.

    Args:
        neurons: h, MLP activations after the non-linearity.
        mask: True at real tokens.

    Returns:
        A scalar, at least 0. It is of degree 1 in the scale of the neurons, and a readout through a LayerNorm does not
        know that scale, so part of it is lowered for free.

    >>> import torch
    >>> activation_l1(torch.tensor([[[1.0, -3.0], [7.0, 7.0]]]), torch.tensor([[True, False]]))
    tensor(2.)
    """
    n_values = mask.sum().clamp_min(1) * neurons.shape[-1]
    return (neurons.float().abs() * mask.unsqueeze(-1)).sum() / n_values


class ActivationL1(Term):
    """:func:`activation_l1` of a layer's neurons."""

    name = "l1"
    sentence = "Neurons have small activations: a baseline."
    needs = ("neurons",)

    def value(self, inputs: TermInputs) -> Float[Tensor, ""]:
        return activation_l1(inputs.neurons, inputs.mask)


def monosemanticity_loss(
    neurons: Float[Tensor, "batch pos d_mlp"],
    vectors: Float[Tensor, "batch pos d_embed"],
    mask: Bool[Tensor, "batch pos"],
) -> Float[Tensor, ""]:
    r"""One minus the mean monosemanticity score of the neurons over the tokens of a batch.

    .. math::

        L_{mono} = 1 - \mathrm{mean}_n \, MS_n, \qquad
        MS_n = \frac{\|\sum_i \tilde a_{in} \hat e_i\|^2 - \sum_i \tilde a_{in}^2}
                    {(\sum_i \tilde a_{in})^2 - \sum_i \tilde a_{in}^2}, \qquad
        \tilde a_{in} = \frac{a_{in} - \min_i a_{in}}{\max_i a_{in} - \min_i a_{in}}

    with i over the real tokens of the batch whose word has a vector, :math:`\hat e` at unit length, and n over the
    neurons that fire (stand above their minimum) at two of them or more. Tokens count as often as they occur, so two
    occurrences of a word are a pair of cosine 1.

    Args:
        neurons: a, MLP activations after the non-linearity.
        vectors: e, the word vector of each token; NaN or zero where there is none.
        mask: True at real tokens.

    Returns:
        A scalar in [0, 2]; 1 where no neuron fires at two tokens. Invariant to the scale and offset of each neuron.

    Source: the one-pass form of the score of Pach et al. 2025 (arXiv 2504.02821) as an objective, after
    arXiv 2602.12403; derived from the equation.

    >>> import torch
    >>> neurons = torch.tensor([[[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]])
    >>> vectors = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
    >>> monosemanticity_loss(neurons, vectors, torch.ones(1, 3, dtype=torch.bool))
    tensor(0.5000)
    """
    unit = unit_or_zero(vectors[mask])
    known = unit.any(1)
    unit, rows = unit[known], neurons[mask][known].float()
    if len(rows) < 2:
        return neurons.float().sum() * 0 + 1
    low, high = rows.amin(0), rows.amax(0)
    fires_twice = ((rows > low).sum(0) >= 2) & (high > low)
    if not fires_twice.any():
        return rows.sum() * 0 + 1
    rows, low, high = rows[:, fires_twice], low[fires_twice], high[fires_twice]
    weights = (rows - low) / (high - low)
    squares = weights.square().sum(0)
    pairs = weights.sum(0).square() - squares
    score = ((weights.T @ unit).square().sum(1) - squares) / pairs.clamp_min(1e-6)
    return 1 - score.mean()


class Monosemanticity(Term):
    """:func:`monosemanticity_loss` of a layer's neurons, with the word vectors of the training."""

    name = "mono"
    sentence = "Neurons have a high monosemanticity score: a baseline."
    needs = ("neurons", "vectors")

    def value(self, inputs: TermInputs) -> Float[Tensor, ""]:
        return monosemanticity_loss(inputs.neurons, inputs.vectors, inputs.mask)
