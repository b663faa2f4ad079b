"""Batches of similar lengths, each padded to its own longest text."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import IterableDataset
from jaxtyping import Bool, Int
from torch import Tensor

from safr_lens.data.tokenizer import TextTokenizer

POOL_BATCHES = 50
STREAM_BUFFER = 10_000
TOKEN_IDS = "safr_lens token ids"
"""Column of rows that were tokenised ahead: 4 bytes a token, uncut and without special tokens."""


@dataclass(frozen=True)
class Batch:
    """A few texts.

    Attributes:
        tokens: token ids.
        mask: True at all tokens that are not padding, special ones included.
        labels: of each text.
        example: number of each text in its split.
        n_cut: how many of the texts were cut to the context.
        special_ids: of the tokens that are not of the text.
    """

    tokens: Int[Tensor, "batch pos"]
    mask: Bool[Tensor, "batch pos"]
    labels: Int[Tensor, " batch"]
    example: Int[Tensor, " batch"]
    n_cut: int = 0
    special_ids: tuple[int, ...] = ()

    @property
    def text(self) -> Bool[Tensor, "batch pos"]:
        """True at the tokens of the text."""
        return text_mask(self.tokens, self.mask, self.special_ids)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on another device."""
        tokens, mask, labels, example = (t.to(device) for t in (self.tokens, self.mask, self.labels, self.example))
        return Batch(tokens, mask, labels, example, n_cut=self.n_cut, special_ids=self.special_ids)


def text_mask(
    tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"], special_ids: tuple[int, ...]
) -> Bool[Tensor, "batch pos"]:
    """Return ``mask`` without the special tokens.

    >>> tokens, mask = pad([[101, 7, 8, 102], [101, 7, 102]], pad_id=0)
    >>> text_mask(tokens, mask, (101, 102)).sum(1).tolist()
    [2, 1]
    """
    if not special_ids:
        return mask
    return mask & ~torch.isin(tokens, torch.tensor(special_ids, device=tokens.device))


def pad(ids: list[list[int]], *, pad_id: int) -> tuple[Int[Tensor, "batch pos"], Bool[Tensor, "batch pos"]]:
    """Return token ids padded at the right to the longest, and the mask that is True at real tokens."""
    lengths = torch.tensor([len(one) for one in ids])
    mask = torch.arange(int(lengths.max())) < lengths.unsqueeze(1)
    tokens = torch.full(mask.shape, pad_id, dtype=torch.long)
    tokens[mask] = torch.tensor([number for one in ids for number in one])
    return tokens, mask


def batches(
    split: Iterable[dict[str, Any]],
    tokenizer: TextTokenizer,
    *,
    n_ctx: int,
    batch_size: int = 32,
    pool_size: int | None = None,
    max_positions: int | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Batch]:
    """Yield batches of a split; texts longer than ``n_ctx`` are cut, and each batch says how many were.

    Examples are read in pools, sorted by length within a pool and cut into batches. With a
    ``generator`` the order of the examples and of the batches is drawn from it; a stream is shuffled in a buffer of
    10,000 rows.

    Args:
        split: rows with ``text`` and ``label``, a ``Dataset`` or a stream.
        tokenizer: the model's tokenizer.
        n_ctx: longest text in tokens.
        batch_size: texts a batch.
        pool_size: texts a pool, by default those of 50 batches.
        max_positions: fewer texts where padded they would have more positions than this; one text always fits.
        generator: shuffles; without it the batches come in the order of the data.
    """
    for pool in _pools(split, pool_size or batch_size * POOL_BATCHES, generator):
        encoded = _encoded([row for _, row in pool], tokenizer, n_ctx=n_ctx)
        by_length = sorted(range(len(pool)), key=lambda i: len(encoded[i][0]))
        limit = max_positions or batch_size * n_ctx
        chunks = _chunks(by_length, [len(encoded[i][0]) for i in by_length], batch_size, limit)
        for chunk in _shuffled(chunks, generator):
            tokens, mask = pad([encoded[i][0] for i in chunk], pad_id=tokenizer.pad_id)
            yield Batch(
                tokens,
                mask,
                labels=torch.tensor([pool[i][1]["label"] for i in chunk]),
                example=torch.tensor([pool[i][0] for i in chunk]),
                n_cut=sum(encoded[i][1] > 0 for i in chunk),
                special_ids=tokenizer.special_ids,
            )


def _encoded(rows: list[dict[str, Any]], tokenizer: TextTokenizer, *, n_ctx: int) -> list[tuple[list[int], int]]:
    if TOKEN_IDS not in rows[0]:
        return tokenizer.ids_batch([row["text"] for row in rows], n_ctx=n_ctx)
    return [tokenizer.cut(np.frombuffer(row[TOKEN_IDS], np.int32).tolist(), n_ctx=n_ctx) for row in rows]


def _chunks(items: list[int], lengths: list[int], batch_size: int, max_positions: int) -> list[list[int]]:
    chunks: list[list[int]] = []
    for item, length in zip(items, lengths, strict=True):  # lengths rise, so the newest is the longest
        if not chunks or len(chunks[-1]) == batch_size or (len(chunks[-1]) + 1) * length > max_positions:
            chunks.append([])
        chunks[-1].append(item)
    return chunks


def _pools(split: Any, size: int, generator: torch.Generator | None) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    rows: Iterable[tuple[int, dict[str, Any]]] = enumerate(split)
    if generator is not None and hasattr(split, "__len__"):
        order = torch.randperm(len(split), generator=generator).tolist()
        chosen = split.select(order) if hasattr(split, "select") else (split[i] for i in order)
        rows = zip(order, chosen, strict=True)
    elif generator is not None and isinstance(split, IterableDataset):
        seed = int(torch.randint(2**31, (), generator=generator))
        numbered = split.map(lambda row, number: {**row, "number": number}, with_indices=True)
        rows = ((row["number"], row) for row in numbered.shuffle(seed=seed, buffer_size=STREAM_BUFFER))
    iterator = iter(rows)
    while pool := list(itertools.islice(iterator, size)):
        yield pool


def _shuffled(items: list[list[int]], generator: torch.Generator | None) -> list[list[int]]:
    if generator is None:
        return items
    return [items[i] for i in torch.randperm(len(items), generator=generator).tolist()]
