"""Short vectors for the rows of a large sparse table."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import Tensor

from safr_lens.errors import FewWordsError
from safr_lens.word_vectors.vectors import unit_rows

DENSE = 1000  # a table of so few words is factored as a whole, which cannot fail to converge
ROUNDING = 1e-6  # a vector that centring leaves so much shorter than the longest has the direction of rounding


def centred_unit_rows(table: sparse.csr_array, d_embed: int, *, seed: int) -> Float[Tensor, "n_words dim"]:
    """Return the left singular vectors of a square table, weighted, centred, its rows scaled to unit length.

    Args:
        table: associations between words, without entries that are 0.
        d_embed: how many singular vectors; one fewer than the rows when there are not so many.
        seed: of the search for them.

    Returns:
        Double precision; NaN for a row without an entry, and for one that stands at the mean.

    Raises:
        DataError: fewer than three rows with an entry.
    """
    with_context = np.diff(table.indptr) > 0
    n_words = int(with_context.sum())
    if n_words < 3:
        raise FewWordsError(
            f"Only {n_words} words stand near others more often than by chance; word vectors need three. "
            "Give more and longer texts."
        )
    left, values = _singular_vectors(table, min(d_embed, n_words - 1), seed)
    rows = left * np.sqrt(values)
    longest = np.linalg.norm(rows, axis=1).max()
    rows -= rows[with_context].mean(0)
    rows[~with_context | (np.linalg.norm(rows, axis=1) < ROUNDING * longest)] = np.nan
    return unit_rows(torch.from_numpy(rows))[0]


def _singular_vectors(table: sparse.csr_array, dim: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ``dim`` left singular vectors and values, the largest first."""
    if table.shape[0] <= DENSE:
        left, values, _ = np.linalg.svd(table.toarray())
        left, values = left[:, :dim], values[:dim]
    else:
        start = np.random.default_rng(seed).standard_normal(table.shape[0])
        left, values, _ = svds(table, k=dim, v0=start, tol=1e-4)  # which it squares: the values are right to 1e-8
        left, values = left[:, ::-1], values[::-1]
    # the sign of a singular vector is arbitrary: its largest entry is made positive
    largest = np.take_along_axis(left, np.abs(left).argmax(0, keepdims=True), axis=0)
    return left * np.sign(largest), values
