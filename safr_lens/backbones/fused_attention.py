"""Attention in one fused call, where nobody looks at its scores or its pattern."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from safr_lens.backbones.edits import edits_of

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class HidePadding:
    """An edit of scores that a fused call does by itself: -inf at keys that are padding."""

    def __init__(self, mask: Bool[Tensor, "batch pos"]) -> None:
        self.keys = mask[:, None, None, :]

    def __call__(self, scores: Float[Tensor, "batch head pos pos"]) -> Float[Tensor, "batch head pos pos"]:
        return scores.masked_fill(~self.keys, float("-inf"))


def is_watched(points: Iterable[nn.Module]) -> bool:
    """Whether a hook, or an edit that is more than :class:`HidePadding`, is at one of the hook points."""
    return any(
        any(getattr(point, hooks) for hooks in HOOKS)
        or any(not isinstance(edit, HidePadding) for edit in edits_of(point))
        for point in points
    )


def visible_keys(scores: nn.Module) -> Bool[Tensor, "batch 1 1 pos"] | None:
    """Return which keys the edits of the scores leave, or None where that is all of them."""
    hidden = [edit.keys for edit in edits_of(scores) if isinstance(edit, HidePadding)]
    return torch.stack(hidden).all(0) if len(hidden) > 1 else next(iter(hidden), None)


def fused_attention(
    q: Float[Tensor, "batch pos head d_head"],
    k: Float[Tensor, "batch pos head d_head"],
    v: Float[Tensor, "batch pos head d_head"],
    keys: Bool[Tensor, "batch 1 1 pos"] | None,
    *,
    scale: float,
) -> Float[Tensor, "batch pos head d_head"]:
    """Return ``softmax(q k^T scale) v`` over the visible keys; 0 for a text without any.

    >>> q = k = torch.zeros(1, 2, 1, 3)
    >>> v = torch.tensor([1.0, 3.0]).view(1, 2, 1, 1).expand(1, 2, 1, 3)
    >>> fused_attention(q, k, v, None, scale=1.0)[0, :, 0, 0]
    tensor([2., 2.])
    """
    q, k, v = (part.transpose(1, 2) for part in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=keys, scale=scale).transpose(1, 2)
