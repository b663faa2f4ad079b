"""What a classifier returns, and how one vector a token becomes one a text."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float
from torch import Tensor

POOLINGS = ("mean", "last")


@dataclass(frozen=True)
class ClassifierOutput:
    """Logits of a batch, and what they are made of.

    Attributes:
        logits: the mean of ``token_logits`` over the tokens of the text, or, by ``pooling``, those of its last token.
        token_logits: the logits read out at each position; a token contributes ``token_weights`` times them exactly.
        importance: VMASK's keep-probability q of each token, in [0, 1]; 0 at padding and special tokens.
        mask: True at the tokens of the texts; False at padding and special tokens.
        activations: the hook points asked for with ``capture``.
        pooling: ``"mean"`` or ``"last"``.
    """

    logits: Float[Tensor, "batch n_classes"]
    token_logits: Float[Tensor, "batch pos n_classes"]
    importance: Float[Tensor, "batch pos"]
    mask: Bool[Tensor, "batch pos"]
    activations: Mapping[str, Tensor] = field(default_factory=dict)
    pooling: str = "mean"

    def of_texts(self, texts: Bool[Tensor, " batch"]) -> ClassifierOutput:
        """Return the output with all but some texts as if they were padding."""
        return dataclasses.replace(self, mask=self.mask & texts.unsqueeze(1))

    @property
    def token_weights(self) -> Float[Tensor, "batch pos"]:
        """How much of each token's logits is in those of the text: ``1 / n`` at each of n tokens, or 1 at the last."""
        return token_weights(self.mask, self.pooling)

    @property
    def probabilities(self) -> Float[Tensor, "batch n_classes"]:
        """Softmax of the logits."""
        return self.logits.float().softmax(-1)


def pooled(
    values: Float[Tensor, "batch pos n_classes"], mask: Bool[Tensor, "batch pos"], pooling: str = "mean"
) -> Float[Tensor, "batch n_classes"]:
    """Return the mean over the real tokens, or the value of the last; zero for a text without real tokens.

    >>> import torch
    >>> values, mask = torch.tensor([[[1.0], [3.0], [99.0]]]), torch.tensor([[True, True, False]])
    >>> pooled(values, mask), pooled(values, mask, "last")
    (tensor([[2.]]), tensor([[3.]]))
    """
    kept = values.masked_fill(~mask.unsqueeze(-1), 0.0)
    if pooling == "last":
        return kept[torch.arange(len(kept), device=kept.device), _last(mask)]
    return kept.sum(1) / mask.to(values.dtype).unsqueeze(-1).sum(1).clamp_min(1.0)


def token_weights(mask: Bool[Tensor, "batch pos"], pooling: str = "mean") -> Float[Tensor, "batch pos"]:
    """Return how much of each token's value is in :func:`pooled`.

    >>> token_weights(torch.tensor([[True, True, False]])), token_weights(torch.tensor([[True, True, False]]), "last")
    (tensor([[0.5000, 0.5000, 0.0000]]), tensor([[0., 1., 0.]]))
    """
    if pooling == "last":
        return (mask & (torch.arange(mask.shape[1], device=mask.device) == _last(mask).unsqueeze(1))).float()
    return mask.float() / mask.sum(1, keepdim=True).clamp_min(1)


def _last(mask: Tensor) -> Tensor:
    """Return the position of the last real token."""
    return (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(1)
