"""Data whose texts are read and tokenised once, however often a model reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from safr_lens.data.batching import Batch, batches
from safr_lens.data.kept_rows import kept_rows
from safr_lens.data.tokenizer import TextTokenizer


class TokenizedTexts:
    """Rows of data beside the batches made of them, which are kept from the first whole reading on.

    Memory: 4 bytes a token and about 30 a text.

    Args:
        data: rows with ``text`` and ``label``, of known length.
        tokenizer: of the model that reads them.
    """

    def __init__(self, data: Iterable[Any], tokenizer: TextTokenizer) -> None:
        self.data, self.tokenizer = data, tokenizer
        self._kept: dict[tuple, list[_Kept]] = {}

    def __iter__(self) -> Iterator[Any]:
        return iter(self.data)

    def __len__(self) -> int:
        assert isinstance(self.data, Sized)
        return len(self.data)

    def batches(self, **sizes: Any) -> Iterator[Batch]:
        """Yield what :func:`~safr_lens.data.batching.batches` yields for these sizes."""
        key = tuple(sorted(sizes.items()))
        if key in self._kept:
            yield from (kept.batch() for kept in self._kept[key])
            return
        whole = []
        for batch in batches(self.data, self.tokenizer, **sizes):
            whole.append(_Kept.of(batch))
            yield batch
        self._kept[key] = whole


class KeptTexts(TokenizedTexts):
    """Rows of :func:`~safr_lens.data.kept_rows.kept_rows`, of which nothing is kept in memory."""

    def batches(self, **sizes: Any) -> Iterator[Batch]:
        """Yield what :func:`~safr_lens.data.batching.batches` yields for these sizes."""
        return batches(self.data, self.tokenizer, **sizes)


@dataclass(frozen=True)
class _Kept:
    tokens: Int[Tensor, "batch pos"]
    lengths: Int[Tensor, " batch"]
    labels: Int[Tensor, " batch"]
    example: Int[Tensor, " batch"]
    n_cut: int
    special_ids: tuple[int, ...]

    @classmethod
    def of(cls, batch: Batch) -> _Kept:
        lengths = batch.mask.sum(1, dtype=torch.int32)
        return cls(batch.tokens.int(), lengths, batch.labels, batch.example, batch.n_cut, batch.special_ids)

    def batch(self) -> Batch:
        tokens = self.tokens.long()
        mask = torch.arange(tokens.shape[1]) < self.lengths.unsqueeze(1)
        return Batch(tokens, mask, self.labels, self.example, self.n_cut, self.special_ids)


def tokenized_once(data: Any, tokenizer: TextTokenizer) -> Any:
    """Return data whose texts are tokenised once: token ids are kept, those of a stream with its rows on disk."""
    if hasattr(data, "__len__"):
        return TokenizedTexts(data, tokenizer)
    return KeptTexts(kept_rows(data, tokenizer), tokenizer)
