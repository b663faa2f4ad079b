"""How unevenly activations are spread: over tokens (lifetime sparsity) or over neurons (population sparsity).

Every function takes ``dim``, the axis that it measures over and that the answer no longer has. For activations
``[n_tokens, d_mlp]``, ``dim=0`` gives the lifetime sparsity of each neuron and ``dim=1`` the population sparsity of
each token. These are different questions with different answers, so there is no default.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Real
from torch import Tensor


def hoyer(x: Real[Tensor, "*shape"], dim: int) -> Float[Tensor, "*rest"]:
    r"""Hoyer sparsity: how far the ratio of the L1 to the L2 norm is from that of equal values.

    .. math:: hoyer = \frac{\sqrt n - \|x\|_1 / \|x\|_2}{\sqrt n - 1}

    Range [0, 1]; 0 where all magnitudes are equal, 1 where a single value is not 0; higher is sparser. Many normal
    values have about 0.20, the same after ReLU about 0.44. Short slices have more (30 normal values have 0.24, and 0.53
    after ReLU): take 100 or more, and compare slices of the same length.

    Args:
        x: activations of either sign.
        dim: that of tokens for lifetime sparsity (of a neuron), that of neurons for population sparsity (of a token).

    Returns:
        ``x`` without ``dim``; NaN for a slice of zeros.

    Raises:
        ValueError: fewer than two values along ``dim``, or values that are not floating point.

    Source: Hoyer 2004, "Non-negative matrix factorization with sparseness constraints".

    >>> hoyer(torch.tensor([[5.0, 0.0, 0.0], [1.0, -1.0, 1.0], [0.0, 0.0, 0.0]]), dim=1)
    tensor([1., 0., nan])
    """
    size = _scaled(x, dim, "hoyer").abs()
    root = math.sqrt(x.shape[dim])
    score = (root - size.sum(dim) / size.square().sum(dim).sqrt()) / (root - 1)
    return score.clamp(0.0, 1.0).to(x.dtype)


def gini(x: Real[Tensor, "*shape"], dim: int) -> Float[Tensor, "*rest"]:
    r"""Gini index of the magnitudes: half their mean absolute difference, relative to their mean.

    .. math:: gini = \frac{\sum_k (2k - n - 1) |x|_{(k)}}{n \sum_k |x|_{(k)}}, \qquad |x|_{(1)} \le |x|_{(2)} \le \dots

    Range [0, 1 - 1/n]; 0 where all magnitudes are equal, 1 - 1/n where a single value is not 0; higher is sparser. Many
    normal values have about 0.41, the same after ReLU about 0.71, uniform ones 0.33. Its spread over samples of 30
    normal values is 0.05, of 100 values 0.03; length hardly shifts it.

    Args:
        x: activations of either sign.
        dim: that of tokens for lifetime sparsity (of a neuron), that of neurons for population sparsity (of a token).

    Returns:
        ``x`` without ``dim``; NaN for a slice of zeros.

    Raises:
        ValueError: fewer than two values along ``dim``, or values that are not floating point.

    Source: Hurley & Rickard 2009, "Comparing measures of sparsity" (arXiv 0811.4706).

    >>> gini(torch.tensor([[0.0, -5.0, 0.0, 0.0], [2.0, -2.0, 2.0, 2.0]]), dim=1)
    tensor([0.7500, 0.0000])
    """
    size = _scaled(x, dim, "gini").abs().movedim(dim, -1).sort(-1).values
    n = size.shape[-1]
    place = torch.arange(1 - n, n, 2, dtype=size.dtype, device=size.device)
    return ((size * place).sum(-1) / (n * size.sum(-1))).clamp_min(0.0).to(x.dtype)


def l0(x: Real[Tensor, "*shape"], dim: int, threshold: float = 0.0) -> Float[Tensor, "*rest"]:
    r"""Share of values whose magnitude is above a threshold.

    .. math:: l_0 = \frac{1}{n} \big|\{k : |x_k| > threshold\}\big|

    Range [0, 1]; 0 for a slice of zeros, 1 where every value is active; **lower** is sparser, unlike the other measures
    here. At threshold 0 normal values have 1, the same after ReLU 0.5. The standard error is at most
    :math:`0.5 / \sqrt n`: 0.05 for 100 values.

    Args:
        x: activations of either sign.
        dim: that of tokens for lifetime sparsity (of a neuron), that of neurons for population sparsity (of a token).
        threshold: in the unit of ``x``; not negative. A value equal to it does not count.

    Returns:
        ``x`` without ``dim``; NaN for a slice that holds NaN.

    Raises:
        ValueError: no value along ``dim``, values that are not floating point, or a negative threshold.

    >>> l0(torch.tensor([[0.0, -0.2, 3.0, 0.0]]), dim=1), l0(torch.tensor([[0.0, -0.2, 3.0, 0.0]]), dim=1, threshold=1)
    (tensor([0.5000]), tensor([0.2500]))
    """
    _check(x, dim, 1, "l0")
    if threshold < 0:
        raise ValueError(f"l0 needs a threshold of 0 or more; got {threshold}.")
    active = (x.abs() > threshold).double()
    return active.masked_fill(x.isnan(), math.nan).mean(dim).to(x.dtype)


def kurtosis(x: Real[Tensor, "*shape"], dim: int) -> Float[Tensor, "*rest"]:
    r"""Excess kurtosis: the mean fourth power of the standardised values, minus that of a normal distribution.

    .. math:: kurt = \frac{m_4}{m_2^2} - 3, \qquad m_p = \frac{1}{n} \sum_k (x_k - \bar x)^p

    Range [-2, n - 5 + 1 / (n - 1)]; 0 for many normal values, about 2.4 for the same after ReLU, -1.2 for uniform ones;
    higher means rarer and larger outliers. It is the population form (no correction for n) and sees the sign. Single
    values decide it: its standard error on normal values is :math:`\sqrt{24 / n}`, 0.5 for 100.

    Args:
        x: activations of either sign.
        dim: that of tokens for lifetime sparsity (of a neuron), that of neurons for population sparsity (of a token).

    Returns:
        ``x`` without ``dim``; NaN for a slice of equal values.

    Raises:
        ValueError: fewer than two values along ``dim``, or values that are not floating point.

    Source: Willmore & Tolhurst 2001, "Characterizing the sparseness of neural codes".

    >>> kurtosis(torch.tensor([[-1.0, 1.0, -1.0, 1.0], [4.0, 4.0, 4.0, 4.0]]), dim=1)
    tensor([-2., nan])
    """
    scaled = _scaled(x, dim, "kurtosis")
    square = (scaled - scaled.mean(dim, keepdim=True)).square()
    return (square.square().mean(dim) / square.mean(dim).square() - 3).to(x.dtype)


def _scaled(x: Tensor, dim: int, measure: str) -> Tensor:
    """``x`` in float64, each slice divided by its largest magnitude, so that its powers stay in the range of floats.

    Equal values become exactly 1, whose mean is exact too, and zeros NaN.
    """
    _check(x, dim, 2, measure)
    return x.double() / x.abs().amax(dim, keepdim=True).double()


def _check(x: Tensor, dim: int, least: int, measure: str) -> None:
    if not x.is_floating_point():
        raise ValueError(f"{measure} needs floating-point values; got {x.dtype}.")
    if x.shape[dim] < least:
        raise ValueError(f"{measure} needs at least {least} values along dim; got {x.shape[dim]}.")
