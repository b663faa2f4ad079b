"""A vector for each token type that has one."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.errors import ConfigError, TextError, near_matches
from safr_lens.visible import shown


@dataclass(frozen=True)
class WordVectors:
    """A vector for each token type that is frequent enough to have one.

    Attributes:
        words: the vocabulary entry of each token id.
        counts: how often each stands in the texts; 0 for padding and unknown words, and where a file was read.
        vectors: of unit length, around a mean near zero; NaN for a type without a vector.
        source: where they come from, as a record says it.
        file_checksum: of the words and values that were read, where a file was; a copy of the file has the same one.
    """

    words: tuple[str, ...] = field(repr=False)
    counts: Int[Tensor, " d_vocab"]
    vectors: Float[Tensor, "d_vocab d_embed"]
    source: str = "texts"
    file_checksum: str | None = None

    @property
    def known(self) -> Bool[Tensor, " d_vocab"]:
        """Which token types have a vector."""
        return self.vectors.isfinite().all(1)

    def nearest(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """Return the ``k`` words whose vectors point most nearly the same way, and the cosines.

        Raises:
            TextError: a word without a vector.
            ConfigError: ``k`` below 1.
        """
        if k < 1:
            raise ConfigError(f"Expected at least one neighbour; got k = {k}.")
        known = [self.words[i] for i in self.known.nonzero().flatten().tolist()]
        if word not in known:
            close = near_matches(word, known)
            raise TextError(f"{shown(word)} is not among the {len(known):,} words that have a vector.{close}")
        unit, _ = unit_rows(self.vectors[self.known])
        cosines = unit @ unit[known.index(word)]
        order = cosines.argsort(descending=True, stable=True).tolist()
        others = [i for i in order if known[i] != word][:k]
        return [(known[i], cosines[i].item()) for i in others]


def unit_rows(embeddings: Float[Tensor, "n d_embed"]) -> tuple[Float[Tensor, "n d_embed"], Bool[Tensor, " n"]]:
    """Return the rows at unit length, in double precision, and which of them have a direction; NaN where one has none.

    >>> unit, known = unit_rows(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    >>> unit.tolist(), known.tolist()
    ([[0.6, 0.8], [nan, nan]], [True, False])
    """
    scaled = embeddings.double()
    # divided first, since the square of a large entry overflows; a zero row becomes NaN
    scaled = scaled / scaled.abs().amax(1, keepdim=True)
    unit = scaled / torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
    return unit, unit.isfinite().all(1)
