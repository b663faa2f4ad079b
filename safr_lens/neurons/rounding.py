"""Activations without the digits that are rounding error."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

BITS = 17


def leading_digits(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Round to the 17 leading bits, some five digits.

    Where a neuron does the same at two words, or at one word in two batches, sums in another order differ in the
    seventh digit. Whatever compares activations would take that for a difference.

    >>> leading_digits(torch.tensor([1.0, 1.0 + 1e-6, 1.0 + 1e-4])).diff() > 0
    tensor([False,  True])
    """
    mantissa, exponent = torch.frexp(values)
    return ((mantissa * 2**BITS).round() * torch.pow(2.0, (exponent - BITS).double())).to(values.dtype)
