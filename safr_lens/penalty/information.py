"""VMASK's information term, without which every keep-probability runs to 1 and says nothing."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.penalty.inputs import TermInputs
from safr_lens.penalty.schedule import Schedule
from safr_lens.penalty.term import Term


def information(importance: Float[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, ""]:
    r"""Mean negative entropy of the keep-probabilities.

    .. math:: L_{info} = \mathrm{mean}_i \left( q_i \log q_i + (1 - q_i) \log (1 - q_i) \right)
                       = \mathrm{mean}_i \, KL(Bernoulli(q_i) \,\|\, Bernoulli(1/2)) - \log 2

    over all real tokens of the batch, in nats.

    Args:
        importance: q in [0, 1].
        mask: True at real tokens.

    Returns:
        A scalar in [-log 2, 0]; -log 2 where every q is 1/2, 0 where every token is surely kept or dropped.

    Source: Chen & Ji, EMNLP 2020 (arXiv 2010.00667).

    >>> information(torch.tensor([[0.5, 0.5, 1.0]]), torch.tensor([[True, True, False]]))
    tensor(-0.6931)
    """
    q = importance.float()
    # q = 0 and q = 1 count 0 with gradient 0: the true slope there is infinite
    q = q.clamp(1e-6, 1 - 1e-6)
    entropy = -(torch.xlogy(q, q) + torch.xlogy(1 - q, 1 - q))
    return -(entropy * mask).sum() / mask.sum().clamp_min(1)


class Information(Term):
    """:func:`information` of the importance that VMASK gives."""

    name = "information"
    sentence = "VMASK's importance tells tokens apart."
    weight = Schedule(start=1.0, end=0.1, delay=1.0, epochs=0.0)

    def value(self, inputs: TermInputs) -> Float[Tensor, ""]:
        return information(inputs.importance, inputs.mask)
