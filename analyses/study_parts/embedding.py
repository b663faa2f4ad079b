"""What the release's penalty acts on: the gated embeddings of tokens, measured as the neurons are."""

from __future__ import annotations

from typing import Any

import torch

from safr_lens import HookedClassifier
from safr_lens.data.batching import batches
from safr_lens.measures import capacity
from safr_lens.penalty import embedding_importance


def embedding_figures(model: HookedClassifier, split: Any) -> dict[str, float]:
    """Return means over tokens: the release's polysemanticity, the same at unit length, capacity, and the length.

    The release's term falls when embeddings shrink; at unit length it cannot.
    """
    sums = dict.fromkeys(("polysemanticity", "polysemanticity_at_unit_length", "capacity", "length"), 0.0)
    n_tokens = 0
    for batch in batches(split, model.tokenizer, n_ctx=model.config.n_ctx):
        with torch.no_grad():
            embed = model(batch.tokens, batch.mask, capture=["hook_embed"]).activations["hook_embed"]
        length = embed.norm(dim=-1, keepdim=True).clamp_min(1e-8)
        n = int(batch.mask.sum())
        n_tokens += n
        sums["polysemanticity"] += n * embedding_importance(embed, batch.mask).item()
        sums["polysemanticity_at_unit_length"] += n * embedding_importance(embed / length, batch.mask).item()
        sums["length"] += length.squeeze(-1)[batch.mask].sum().item()
        sums["capacity"] += sum(capacity(text[mask]).sum().item() for text, mask in zip(embed, batch.mask, strict=True))
    return {name: value / n_tokens for name, value in sums.items()}
