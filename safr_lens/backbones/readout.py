"""From the last residual to logits."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Readout:
    r"""How a residual r becomes logits: a LayerNorm and an unembedding, as plain tensors.

    .. math:: \frac{r - \bar r}{\sqrt{\frac{1}{d} \|r - \bar r\|^2 + \epsilon}} R + b

    or, without a norm, :math:`r R + b`.

    Attributes:
        weight: R, the LayerNorm's weight times the unembedding, folded as TransformerLens folds it.
        bias: b, of LayerNorm and unembedding, in logits.
        eps: of the LayerNorm; None where there is no norm.

    >>> import torch
    >>> Readout(torch.eye(2), torch.zeros(2), eps=0.0).logits(torch.tensor([[3.0, 1.0]]))
    tensor([[ 1., -1.]])
    >>> Readout(torch.eye(2), torch.zeros(2), eps=None).logits(torch.tensor([[3.0, 1.0]]))
    tensor([[3., 1.]])
    """

    weight: Float[Tensor, "d_model n_classes"]
    bias: Float[Tensor, " n_classes"]
    eps: float | None

    def centred(self, residual: Float[Tensor, "*rows d_model"]) -> Float[Tensor, "*rows d_model"]:
        """Return what the norm leaves of the residual ahead of its scale."""
        residual = residual.float()
        return residual if self.eps is None else residual - residual.mean(-1, keepdim=True)

    def direct(self, component: Float[Tensor, "*rows d_model"]) -> Float[Tensor, "*rows n_classes"]:
        """Return what a component of the residual adds to the logits, ahead of the norm's scale."""
        return self.centred(component) @ self.weight

    def logits(self, residual: Float[Tensor, "*rows d_model"]) -> Float[Tensor, "*rows n_classes"]:
        """Return the logits of residuals."""
        centred = self.centred(residual)
        if self.eps is None:
            return centred @ self.weight + self.bias
        scale = (centred.square().mean(-1, keepdim=True) + self.eps).rsqrt()
        return (centred @ self.weight) * scale + self.bias


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
