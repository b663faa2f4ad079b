"""Where things are in the outputs that tests make up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Points:
    """What a penalty asks of a backbone, under the names of ``HookedTransformer``."""

    n_layers: int
    token_embedding: str = "hook_embed"

    def neurons(self, layer: int) -> str:
        return f"blocks.{layer}.mlp.hook_post"

    def attention_pattern(self, layer: int) -> str:
        return f"blocks.{layer}.attn.hook_pattern"


ONE_LAYER = Points(1)
