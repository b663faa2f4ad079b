"""How much feature vectors interfere with each other."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.word_vectors.vectors import unit_rows


def capacity(features: Float[Tensor, "n_features dim"]) -> Float[Tensor, " n_features"]:
    r"""Feature dimensionality: the share of a dimension that each feature has to itself.

    .. math:: capacity_i = \frac{\|w_i\|^4}{\sum_j (w_i \cdot w_j)^2}

    Range (0, 1]; 1 for a feature orthogonal to all others, 1/n for n identical ones; the sum over features is at
    most the rank of the matrix. It is invariant to rotation, so it speaks of superposition, not of neurons: report a
    measure in the neuron basis beside it. n random directions in d dimensions have about 1 / (1 + n/d).

    Args:
        features: one feature vector a row, such as the neuron vectors of the tokens of one text.

    Returns:
        One value a feature; NaN for a zero vector.

    Source: Elhage et al. 2022 (feature dimensionality), Scherlis et al. 2022 (arXiv 2210.01892, capacity).

    >>> capacity(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    tensor([0.5000, 0.5000, 1.0000,    nan])
    """
    # scaled, since the fourth power of a large norm overflows; the ratio does not change
    if not len(features):
        return features.new_empty(0)
    scaled = features.double() / features.abs().max().clamp_min(torch.finfo(features.dtype).tiny).double()
    dots = scaled @ scaled.T
    return (dots.diagonal().square() / dots.square().sum(1)).to(features.dtype)


def interference(features: Float[Tensor, "n_features dim"]) -> Float[Tensor, " n_features"]:
    r"""Interference: how strongly the other features are read along each feature's direction.

    .. math:: interference_i = \sum_{j \ne i} (\hat w_i \cdot w_j)^2, \qquad \hat w_i = \frac{w_i}{\|w_i\|}

    Range [0, sum of the other squared norms]; 0 for a feature orthogonal to all others; higher is more superposition.
    It has the unit of a squared norm: doubling all vectors makes it four times as large, while :func:`capacity`, which
    is :math:`\|w_i\|^2 / (\|w_i\|^2 + interference_i)`, stays. n random directions of length 1 in d dimensions have
    about (n - 1) / d. Two features are the least; with so few it says no more than their cosine.

    Args:
        features: one feature vector a row.

    Returns:
        One value a feature; NaN for a zero vector.

    Source: Elhage et al. 2022, "Toy Models of Superposition".

    >>> interference(torch.tensor([[1.0, 0.0], [-3.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    tensor([9., 1., 0., nan])
    """
    vectors = features.double()
    dots = unit_rows(vectors)[0] @ vectors.T
    # set to 0 rather than subtracted afterwards, which would cost digits; 0 * NaN keeps a zero vector NaN
    dots.diagonal().mul_(0.0)
    return dots.square().sum(1).to(features.dtype)
