"""A baseline: sparse activations."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.penalty.inputs import TermInputs
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
