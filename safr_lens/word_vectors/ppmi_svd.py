"""Short vectors from pairs of words: how often they are near each other, how much more than by chance, and the SVD."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import sparse
from scipy.sparse.linalg import svds
from torch import Tensor

from safr_lens.errors import FewWordsError
from safr_lens.word_vectors.vectors import unit_rows

CHUNK = 1_000_000  # tokens
DENSE = 1000  # a table of so few words is factored as a whole, which cannot fail to converge
ROUNDING = 1e-6  # a vector that centring leaves so much shorter than the longest has the direction of rounding


def cooccurrence(
    words: Int[np.ndarray, " n_tokens"],
    texts: Int[np.ndarray, " n_tokens"],
    *,
    n_words: int,
    window: int,
    chunk: int = CHUNK,
) -> sparse.csr_array:
    """Count the pairs of words that stand at most ``window`` places apart in the same text, in both orders.

    Args:
        words: the word at each place of the corpus, from 0 to ``n_words`` - 1; -1 for one that is not counted. It keeps
            its place, so that it brings no other words nearer to each other.
        texts: the number of the text of each place.
        n_words: how many words there are.
        window: how far apart the words of a pair may stand.
        chunk: how many places are counted at once; it changes the memory that is needed, not the counts.

    Returns:
        A symmetric matrix of counts, n_words by n_words.

    >>> cooccurrence(np.array([0, 1, 1, 0]), np.array([0, 0, 0, 1]), n_words=2, window=1).toarray().tolist()
    [[0, 1], [1, 2]]
    """
    # no count exceeds the number of pairs; half the memory for corpora up to some hundred million tokens
    whole = np.int32 if 2 * window * len(words) < 2**31 else np.int64
    counts = sparse.csr_array((n_words, n_words), dtype=whole)
    for start in range(0, len(words), chunk):
        left, right = [], []
        for distance in range(1, window + 1):
            later = slice(start + distance, start + chunk + distance)
            here = slice(start, start + len(words[later]))
            counted = (words[here] >= 0) & (words[later] >= 0) & (texts[here] == texts[later])
            left.append(words[here][counted])
            right.append(words[later][counted])
        places = np.concatenate(left), np.concatenate(right)
        ones = np.ones(len(places[0]), dtype=whole)
        counts = counts + sparse.csr_array((ones, places), shape=(n_words, n_words))
    return (counts + counts.T).tocsr()


def positive_pmi(counts: sparse.csr_array, *, smoothing: float = 0.75) -> sparse.csr_array:
    r"""Positive pointwise mutual information of words and the words around them.

    .. math::

        PPMI_{wc} = \max\left(0, \log \frac{P(w, c)}{P(w) \, P_\alpha(c)}\right), \qquad
        P_\alpha(c) = \frac{\#(c)^\alpha}{\sum_{c'} \#(c')^\alpha}

    Range [0, inf); higher for a pair that is seen more often than chance would have it. On random text it is near 0 for
    frequent pairs, and large for rare ones, which the smoothing :math:`\alpha` < 1 damps.

    Args:
        counts: of pairs, as :func:`cooccurrence` gives them; rows are w, columns c.
        smoothing: the exponent :math:`\alpha` of the counts of c.

    Returns:
        A matrix with the positive values alone.

    Source: Levy, Goldberg and Dagan 2015 (TACL 3, context distribution smoothing).

    >>> positive_pmi(sparse.csr_array([[0, 3], [3, 0]])).toarray().round(3)
    array([[0.   , 0.693],
           [0.693, 0.   ]])
    """
    pairs = counts.tocoo()
    of_word = np.bincount(pairs.row, pairs.data, minlength=counts.shape[0])
    context = np.bincount(pairs.col, pairs.data, minlength=counts.shape[1]) ** smoothing
    # P(w, c) / P(w) is the count of the pair over that of the word
    values = np.log(pairs.data * context.sum() / (of_word[pairs.row] * context[pairs.col]))
    positive = values > 0
    entries = (values[positive], (pairs.row[positive], pairs.col[positive]))
    return sparse.csr_array(entries, shape=counts.shape)


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
