"""How much feature vectors interfere with each other."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


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
