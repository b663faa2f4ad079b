"""An attention function whose scores and pattern can be read and edited, registered with ``transformers``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from safr_lens.backbones.fused_attention import is_watched
from safr_lens.backbones.hook_points import ATTENTION_POINTS, HookPoint

NAME = "safr_lens_hooked"


def add_attention_points(attention: nn.Module) -> dict[str, HookPoint]:
    """Give an attention module the points that :func:`hooked_attention` passes through."""
    attention.hooked = nn.ModuleDict({name: HookPoint() for name in ATTENTION_POINTS})
    return dict(attention.hooked.items())


def hooked_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    """Return what attention makes of the values, and its pattern where a hook or an edit is at scores or pattern.

    Otherwise one fused call is faster and keeps no [pos pos] in memory. Dropout comes behind the pattern, whose rows
    therefore sum to 1 in training too. Scores at masked positions are the smallest number there is and not -inf: in a
    sliding window, padding may have no position at all to attend to.
    """
    points = module.hooked
    query, key, value = (
        points[name](part.transpose(1, 2)).transpose(1, 2)
        for name, part in (("hook_q", query), ("hook_k", key), ("hook_v", value))
    )
    groups = query.shape[1] // key.shape[1]  # queries that share keys and values
    if groups > 1:
        key, value = (part.repeat_interleave(groups, dim=1) for part in (key, value))
    scaling = query.size(-1) ** -0.5 if scaling is None else scaling
    dropout = dropout if module.training else 0.0
    if is_watched((points["hook_attn_scores"], points["hook_pattern"])):
        scores = query @ key.transpose(2, 3) * scaling
        if attention_mask is not None:
            scores = scores.masked_fill(~attention_mask, torch.finfo(scores.dtype).min)
        pattern = points["hook_attn_scores"](scores).softmax(-1, dtype=torch.float32).to(value.dtype)
        pattern = points["hook_pattern"](pattern)
        z = F.dropout(pattern, p=dropout) @ value
    else:
        pattern = None
        z = F.scaled_dot_product_attention(query, key, value, attention_mask, dropout, scale=scaling)
    return points["hook_z"](z.transpose(1, 2).contiguous()), pattern


def _mask(*sizes: Any, **options: Any) -> Tensor | None:
    """Return True where a position is attended to, or None where all are; also for causal attention."""
    return sdpa_mask(*sizes, **{**options, "allow_is_causal_skip": False})


AttentionInterface.register(NAME, hooked_attention)
AttentionMaskInterface.register(NAME, _mask)
