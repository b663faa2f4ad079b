"""A tiny corpus of neurons, and all ways to cut it into batches of texts in any order."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

LENGTHS = (3, 1, 4, 2)

N_TOKENS, D_MLP, N_TYPES = sum(LENGTHS), 5, 4


def neurons(seed=0):
    values = torch.randn(N_TOKENS, D_MLP, generator=torch.Generator().manual_seed(seed)).relu()
    values[:, 4] = 0.0  # a dead neuron
    values[3] = 0.0  # the only token of the second text is silent
    return values


def texts_of(tensor):
    return tensor.split(LENGTHS)


splits = st.permutations(range(4)).flatmap(
    lambda order: st.sets(st.integers(1, 3)).map(
        lambda cuts: [order[a:b] for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 4], strict=True)]
    )
)
