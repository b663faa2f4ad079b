"""Embeddings as a user has them, as one row a token id."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.errors import ConfigError
from safr_lens.visible import listed, shown
from safr_lens.word_vectors.vectors import WordVectors, unit_rows


def embedding_table(
    embeddings: Float[Tensor, "d_vocab d_embed"] | np.ndarray | Mapping[str, Any] | WordVectors,
    tokenizer: TextTokenizer,
) -> Float[Tensor, "d_vocab d_embed"]:
    """Return the embedding of each token id of a tokenizer.

    Args:
        embeddings: a tensor or array with one row a token id, a mapping from word to vector, or what
            :func:`~safr_lens.word_vectors.word_vectors` gives. Words are looked up as the tokenizer spells its entries,
            which ours lower-cases.
        tokenizer: whose token ids are the rows.

    Returns:
        One row a token id, of single precision; NaN for words that the mapping does not have.

    Raises:
        ConfigError: anything else, another shape, vectors that differ in length, or fewer than two known words.

    >>> from safr_lens import train_tokenizer
    >>> tokenizer = train_tokenizer(["a dull film"], min_frequency=1)
    >>> embedding_table({"dull": [1.0, 0.0], "film": [0.0, 2.0]}, tokenizer)[2:]
    tensor([[nan, nan],
            [1., 0.],
            [0., 2.]])
    """
    if isinstance(embeddings, WordVectors):
        known = embeddings.known.nonzero().flatten().tolist()
        embeddings = {embeddings.words[i]: embeddings.vectors[i] for i in known}
    if isinstance(embeddings, Mapping):
        table = _from_mapping(embeddings, tokenizer)
    elif isinstance(embeddings, Tensor | np.ndarray):
        table = _from_rows(embeddings, tokenizer)
    else:
        raise ConfigError(
            f"Expected embeddings as a tensor or array [{tokenizer.d_vocab}, d_embed], a mapping from word to vector, "
            f"or WordVectors; got {type(embeddings).__name__}."
        )
    n_known = int(unit_rows(table)[1].sum())
    if n_known < 2:
        entries = listed(shown(tokenizer.word(i)) for i in range(2, min(5, tokenizer.d_vocab)))
        raise ConfigError(
            f"The embeddings know {n_known} of the tokenizer's {tokenizer.d_vocab:,} entries; expected at least two "
            f"with a finite vector other than zero. The entries are spelled like {entries}."
        )
    return table


def checksum(vectors: WordVectors, table: Float[Tensor, "d_vocab d_embed"]) -> str:
    """Return what tells the vectors of one training from those of another: their length and a checksum.

    Of a file's vectors it covers words and values. Of vectors that are made from texts it covers only which words have
    one, since their values round otherwise with other threads.
    """
    known = table.isfinite().all(1).numpy().tobytes()
    return f"{table.shape[1]}-{vectors.file_checksum or hashlib.sha256(known).hexdigest()[:12]}"


def _from_rows(rows: Tensor | np.ndarray, tokenizer: TextTokenizer) -> Float[Tensor, "d_vocab d_embed"]:
    if rows.ndim != 2 or rows.shape[0] != tokenizer.d_vocab or rows.shape[1] < 1:
        raise ConfigError(
            f"Expected embeddings of shape [{tokenizer.d_vocab}, d_embed], one row a token id; got {list(rows.shape)}."
        )
    return _numbers(rows, "The embeddings", ndim=2)


def _from_mapping(vectors: Mapping[str, Any], tokenizer: TextTokenizer) -> Float[Tensor, "d_vocab d_embed"]:
    words = {i: word for i in range(tokenizer.d_vocab) if (word := tokenizer.word(i)) in vectors}
    by_id = {i: _numbers(vectors[word], f"The vector of {shown(word)}", ndim=1) for i, word in words.items()}
    d_embed = len(next(iter(by_id.values()))) if by_id else 1
    table = torch.full((tokenizer.d_vocab, d_embed), torch.nan)
    for i, vector in by_id.items():
        if len(vector) != d_embed:
            first = next(iter(words.values()))
            raise ConfigError(
                f"Expected vectors of one length; that of {shown(first)} is {d_embed} long, "
                f"of {shown(words[i])} {len(vector)}."
            )
        table[i] = vector
    return table


def _numbers(values: Any, what: str, *, ndim: int) -> Tensor:
    """Return a copy of the values in single precision."""
    try:
        values = values.detach().cpu() if isinstance(values, Tensor) else torch.from_numpy(np.array(values, order="C"))
    except (TypeError, ValueError):  # words, objects, rows of unequal length
        raise ConfigError(f"{what}: expected numbers; got {shown(values, 60)}.") from None
    if values.ndim != ndim or not values.numel() or values.is_complex():
        raise ConfigError(
            f"{what}: expected {'numbers' if ndim == 2 else 'a list of numbers'}; got {shown(values, 60)}."
        )
    return values.to(torch.float32, copy=True)
