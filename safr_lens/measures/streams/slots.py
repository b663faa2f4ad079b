"""The slot of the token type at each place of a corpus whose tokens are sorted by type."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor, nn

MAX_BUCKETS = 1 << 16


class SlotsOfPlaces(nn.Module):
    """Looks up slots by place, many times faster than one search a place and in memory that does not grow.

    Places of the same slot are a stretch of the sorted list. Most buckets of neighbouring places lie within one stretch
    and are answered from a table; the others are searched for.

    Args:
        type_counts: how often each token id occurs in the corpus.
        slots: the slot of each token id.

    >>> lookup = SlotsOfPlaces(torch.tensor([2, 0, 3]), torch.tensor([7, 8, 9]))
    >>> lookup(torch.arange(5)).tolist()
    [7, 7, 9, 9, 9]
    """

    def __init__(self, type_counts: Int[Tensor, " d_vocab"], slots: Int[Tensor, " d_vocab"]) -> None:
        super().__init__()
        ends_stretch = torch.cat([slots[1:] != slots[:-1], torch.ones(1, dtype=torch.bool)])
        ends, slots = type_counts.cumsum(0)[ends_stretch], slots[ends_stretch]
        n_tokens = int(ends[-1])
        self.shift = max(0, (n_tokens // MAX_BUCKETS).bit_length())
        first = torch.arange(0, n_tokens, 1 << self.shift)
        last = (first + (1 << self.shift) - 1).clamp_max(max(n_tokens - 1, 0))
        first, last = (torch.searchsorted(ends, places, right=True) for places in (first, last))
        self.register_buffer("ends", ends, persistent=False)
        self.register_buffer("slots", slots, persistent=False)
        self.register_buffer("by_bucket", slots[first].where(first == last, -1), persistent=False)

    def forward(self, places: Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
        """Return the slot of the type at each place."""
        by_place = self.by_bucket[places >> self.shift]
        unsure = by_place < 0
        by_place[unsure] = self.slots[torch.searchsorted(self.ends, places[unsure], right=True)]
        return by_place
