"""Mean activations over a stream."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch


def averaged(stream: Iterable[ActivationBatch], names: list[str]) -> dict[str, Float[Tensor, " d_mlp"]]:
    """Return the mean activations of some hook points over the tokens of a stream."""
    sums: dict[str, Tensor] = {}
    n_tokens = 0
    for batch in stream:
        for name in names:
            added = batch.activations[name].sum(0, dtype=torch.float64).cpu()
            sums[name] = sums[name] + added if name in sums else added
        n_tokens += len(batch.tokens)
    return {name: (total / n_tokens).float() for name, total in sums.items()}
