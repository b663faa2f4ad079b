"""Vectors by their direction alone."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def unit_rows(embeddings: Float[Tensor, "n d_embed"]) -> tuple[Float[Tensor, "n d_embed"], Bool[Tensor, " n"]]:
    """Return the rows at unit length, in double precision, and which of them have a direction at all."""
    scaled = embeddings.double()
    # divided first, since the square of a large entry overflows; a zero row becomes NaN
    scaled = scaled / scaled.abs().amax(1, keepdim=True)
    unit = scaled / torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    return unit, unit.isfinite().all(1)
