"""``HookedTransformer``'s attention, in one fused call where nobody looks at scores or pattern."""

from __future__ import annotations

import warnings
from typing import Any

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from safr_lens.backbones.fused_attention import fused_attention, is_watched, visible_keys

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # third-party notices at import that no user of this package can act on
    from transformer_lens.components import Attention

INPUTS = {"query_input", "key_input", "value_input"}


class HookedAttention(Attention):
    """TransformerLens's own, which runs as it is where a hook or an edit is at scores or pattern.

    For bidirectional attention with the settings that :class:`~safr_lens.backbones.config.BackboneConfig` can make.
    """

    def forward(self, **inputs: Any) -> Float[Tensor, "batch pos d_model"]:  # type: ignore[override]
        given = {name: value for name, value in inputs.items() if value is not None}
        watched = is_watched((self.hook_attn_scores, self.hook_pattern))
        if watched or self.cfg.use_attn_result or given.keys() != INPUTS:
            return super().forward(**inputs)
        q, k, v = self.calculate_qkv_matrices(**given)
        keys = visible_keys(self.hook_attn_scores)
        z = self.hook_z(fused_attention(q, k, v, keys, scale=1 / self.attn_scale))
        return F.linear(z.flatten(2), self.W_O.flatten(0, 1).T, self.b_O)
