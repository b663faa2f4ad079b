"""From the last residual to logits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.backbones.edits import Edits


@dataclass(frozen=True)
class Readout:
    r"""How a residual r becomes logits: a LayerNorm and an unembedding, as plain tensors.

    .. math:: \frac{r - \bar r}{\sqrt{\frac{1}{d} \|r - \bar r\|^2 + \epsilon}} R + b

    or, without a norm, :math:`r R + b`.

    Attributes:
        weight: R, the LayerNorm's weight times the unembedding, folded as TransformerLens folds it.
        bias: b, of LayerNorm and unembedding, in logits.
        eps: of the LayerNorm; None where there is no norm.

    >>> Readout(torch.eye(2), torch.zeros(2), eps=0.0).logits(torch.tensor([[3.0, 1.0]]))
    tensor([[ 1., -1.]])
    >>> Readout(torch.eye(2), torch.zeros(2), eps=None).logits(torch.tensor([[3.0, 1.0]]))
    tensor([[3., 1.]])
    """

    weight: Float[Tensor, "d_model n_classes"]
    bias: Float[Tensor, " n_classes"]
    eps: float | None

    @classmethod
    def folded(
        cls,
        norm: Float[Tensor, " d_model"],
        norm_bias: Float[Tensor, " d_model"] | None,
        unembed: Float[Tensor, "d_model n_classes"],
        unembed_bias: Float[Tensor, " n_classes"],
        *,
        eps: float,
    ) -> Readout:
        """Return the readout of a LayerNorm and an unembedding."""
        with torch.no_grad():
            bias = unembed_bias if norm_bias is None else norm_bias @ unembed + unembed_bias
            return cls(weight=(norm.unsqueeze(1) * unembed).float(), bias=bias.float(), eps=float(eps))

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


def mlp_alone(resid_mid: str, mlp_out: str, resid_post: str) -> Edits:
    """Return edits that let the last MLP's output alone be read out.

    Args:
        resid_mid, mlp_out, resid_post: where the residual that skips the MLP, its output and their sum are.
    """
    skipped: dict[str, Tensor] = {}
    return Edits(
        before=[(resid_post, lambda value: without_skip(value, **skipped))],
        after=[
            (mlp_out, lambda value: skipped.update(mlp_out=value)),
            (resid_mid, lambda value: skipped.update(resid_mid=value)),
        ],
    )


def without_skip(
    resid_post: Float[Tensor, "batch pos d_model"],
    *,
    resid_mid: Float[Tensor, "batch pos d_model"],
    mlp_out: Float[Tensor, "batch pos d_model"],
) -> Float[Tensor, "batch pos d_model"]:
    """Return ``mlp_out``, with the gradient of ``resid_post - resid_mid``.

    Returning the tensor ``mlp_out`` itself would cut the graph at the hook points between, whose backward hooks would
    never fire. Through the difference they do, and the skip's gradient cancels exactly.

    >>> resid_mid, mlp_out = torch.ones(1, 1, 2, requires_grad=True), torch.full((1, 1, 2), 0.5, requires_grad=True)
    >>> read = without_skip(resid_mid + mlp_out, resid_mid=resid_mid, mlp_out=mlp_out)
    >>> read.sum().backward()
    >>> read.tolist(), mlp_out.grad.tolist(), resid_mid.grad.tolist()
    ([[[0.5, 0.5]]], [[[1.0, 1.0]]], [[[0.0, 0.0]]])
    """
    difference = resid_post - resid_mid
    return difference + (mlp_out - difference).detach()
