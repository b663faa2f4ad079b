"""The readout through the neurons: the last block's residual without what skips its MLP."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def without_skip(
    resid_post: Float[Tensor, "batch pos d_model"],
    *,
    resid_mid: Float[Tensor, "batch pos d_model"],
    mlp_out: Float[Tensor, "batch pos d_model"],
) -> Float[Tensor, "batch pos d_model"]:
    """Return ``mlp_out``, with the gradient of ``resid_post - resid_mid``.

    Returning the tensor ``mlp_out`` itself would cut the graph at the hook points between, whose backward hooks would
    never fire. Through the difference they do, and the skip's gradient cancels exactly.

    >>> import torch
    >>> resid_mid, mlp_out = torch.ones(1, 1, 2, requires_grad=True), torch.full((1, 1, 2), 0.5, requires_grad=True)
    >>> read = without_skip(resid_mid + mlp_out, resid_mid=resid_mid, mlp_out=mlp_out)
    >>> read.sum().backward()
    >>> read.tolist(), mlp_out.grad.tolist(), resid_mid.grad.tolist()
    ([[[0.5, 0.5]]], [[[1.0, 1.0]]], [[[0.0, 0.0]]])
    """
    difference = resid_post - resid_mid
    return difference + (mlp_out - difference).detach()
