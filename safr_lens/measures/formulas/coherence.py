"""How nearly parallel pairs of features are, and how far apart they could be at best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.word_vectors.vectors import unit_rows

BLOCK = 512


@dataclass(frozen=True)
class Coherence:
    """How nearly parallel pairs of features are.

    Attributes:
        levels: the quantiles that were asked for.
        cosines: the quantile of the absolute cosine at each level; NaN where fewer than two features are not zero.
        welch_bound: what the largest absolute cosine is at least, for this many features.
        n_features: features that are not zero.
        n_zero: zero vectors, which have no direction and were left out.
    """

    levels: tuple[float, ...]
    cosines: tuple[float, ...]
    welch_bound: float
    n_features: int
    n_zero: int


def coherence(
    features: Float[Tensor, "n_features dim"], quantiles: Sequence[float] = (0.5, 0.9, 0.99, 1.0)
) -> Coherence:
    r"""Quantiles of the absolute cosine over all pairs of different features.

    .. math:: c_{ij} = \frac{|w_i \cdot w_j|}{\|w_i\| \|w_j\|}, \quad i < j

    Range [0, 1]; 0 for orthogonal features, 1 for parallel or opposite ones; higher means that features are easier to
    take for each other. The quantile at level 1 is the mutual coherence, which cannot lie below :func:`welch_bound`. n
    random directions in d dimensions have a median of about :math:`0.67 / \sqrt d` and a maximum of at most about
    :math:`2 \sqrt{\ln n / d}`. It does not change with the length of a feature, so faint features count like strong
    ones. A quantile q needs some 1 / (1 - q) pairs; 20 features have 190.

    All pairs are held as float32: 2 n² bytes, 128 MB for 8,000 features.

    Args:
        features: one feature vector a row; zero vectors are counted and left out.
        quantiles: levels between 0 and 1; between two values they are interpolated.

    Raises:
        ValueError: a level outside 0 to 1.

    Source: Welch 1974; Donoho & Elad 2003 (mutual coherence).

    >>> result = coherence(torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 4.0], [0.0, 0.0]]), quantiles=(0.0, 0.5, 1.0))
    >>> [round(cosine, 3) for cosine in result.cosines], result.n_zero
    ([0.0, 0.6, 0.8], 1)
    """
    levels = tuple(float(level) for level in quantiles)
    if not all(0 <= level <= 1 for level in levels):
        raise ValueError(f"coherence needs quantiles between 0 and 1; got {levels}.")
    defined = features.ne(0).any(1)
    all_cosines = _absolute_cosines(unit_rows(features[defined].detach())[0])
    n = int(defined.sum())
    return Coherence(
        levels=levels,
        cosines=tuple(np.quantile(all_cosines, levels, overwrite_input=True).tolist())
        if n > 1
        else (math.nan,) * len(levels),
        welch_bound=welch_bound(n, features.shape[1]),
        n_features=n,
        n_zero=len(features) - n,
    )


def welch_bound(n_features: int, dim: int) -> float:
    r"""The least possible largest absolute cosine among n directions in d dimensions.

    .. math:: \sqrt{\frac{n - d}{d (n - 1)}}

    Range [0, 1]; 0 for n up to d, since these can be orthogonal; it rises with n towards :math:`1 / \sqrt d`. A bound,
    which equiangular sets such as a simplex reach and random directions stay far above. Real vectors cannot reach it
    when n exceeds d (d + 1) / 2.

    Raises:
        ValueError: a dimension below 1.

    Source: Welch 1974, "Lower bounds on the maximum cross correlation of signals".

    >>> welch_bound(3, 2)
    0.5
    """
    if dim < 1:
        raise ValueError(f"welch_bound needs at least one dimension; got {dim}.")
    return math.sqrt((n_features - dim) / (dim * (n_features - 1))) if n_features > dim else 0.0


def _absolute_cosines(unit: Float[Tensor, "n dim"]) -> np.ndarray:
    """|cos| of every pair i < j, a block of rows at a time, so that no n by n matrix of float64 is made."""
    n = len(unit)
    all_cosines = np.empty(n * (n - 1) // 2, dtype=np.float32)
    filled = 0
    for start in range(0, n, BLOCK):
        rows = unit[start : start + BLOCK]
        cosines = (rows @ unit[start:].T).abs().float()
        later = torch.ones_like(cosines, dtype=torch.bool).triu(diagonal=1)
        pairs = cosines[later].cpu().numpy()
        all_cosines[filled : filled + len(pairs)] = pairs
        filled += len(pairs)
    return all_cosines
