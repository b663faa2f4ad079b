"""Made-up activations and embeddings, and the monosemanticity score of them batch by batch."""

from __future__ import annotations

from itertools import pairwise

import torch

from safr_lens.measures.streams.monosemanticity import MonosemanticityScore


def rows(n, d_mlp=6, d_embed=4, *, seed, firing=0.5):
    """Activations of neurons that fire at a share of the rows, above a floor of their own, and embeddings."""
    g = torch.Generator().manual_seed(seed)
    fires = torch.rand(n, d_mlp, generator=g, dtype=torch.float64) < firing
    floor = torch.randn(d_mlp, generator=g, dtype=torch.float64)
    activations = fires * torch.rand(n, d_mlp, generator=g, dtype=torch.float64) + floor
    return activations, torch.randn(n, d_embed, generator=g, dtype=torch.float64) + 0.3


def streamed(activations, embeddings, cuts=()):
    metric = MonosemanticityScore(activations.shape[1], embeddings.shape[1])
    edges = [0, *sorted(cuts), len(activations)]
    for a, b in pairwise(edges):
        metric.update(activations[a:b], embeddings[a:b])
    return metric
