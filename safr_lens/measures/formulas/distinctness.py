"""How many different neurons there are, copies counted once."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.measures.formulas.in_blocks import by_neurons


def distinct_neurons(activations: Float[Tensor, "n d_mlp"]) -> float:
    r"""Effective number of different neurons: the participation ratio of the eigenvalues of their correlation matrix.

    .. math:: D = \frac{(\sum_k \lambda_k)^2}{\sum_k \lambda_k^2} = \frac{N^2}{\sum_{n, m} \rho_{nm}^2}

    over the N neurons that are not constant, with :math:`\rho` the correlation of two neurons over rows (words). Range
    [1, N]: N for uncorrelated neurons, k for k kinds of copies as often each, 1 where all say the same. Neurons that
    mirror each other count as copies. It does not change with scale and offset of a neuron. Correlations scatter by
    chance, more so over few rows: see :func:`independent_neurons`.

    Args:
        activations: one row a thing (a token type), one column a neuron.

    Returns:
        NaN where no neuron varies.

    Source: participation ratio as in Gao et al. 2017; of correlations instead of covariances, so that a neuron counts
    the same however strongly it fires.

    >>> one, other = torch.tensor([1.0, 0.0, 1.0, 0.0]), torch.tensor([1.0, 1.0, 0.0, 0.0])
    >>> distinct_neurons(torch.stack([one, 2 * one + 1, other, -other], 1))
    2.0
    """
    unit = by_neurons(_standardised, activations)
    n_rows, n = unit.shape
    if n == 0:
        return torch.nan
    # the same sum over pairs of neurons and over pairs of rows; the smaller matrix is made
    products = unit.T @ unit if n <= n_rows else unit @ unit.T
    return n**2 / products.double().square().sum().item()


def _standardised(activations: Float[Tensor, "n d_mlp"]) -> Float[Tensor, "n d_varying"]:
    """Return the columns that are not constant, less their mean, at unit length."""
    exact = activations.double()
    centred = exact - exact.mean(0)
    # norms along the first dimension are many times slower than this
    sizes, lengths = (rows.square().sum(0).sqrt() for rows in (centred, exact))
    varies = sizes > 1e-9 * lengths
    return (centred[:, varies] / sizes[varies]).float()


def independent_neurons(n: int, n_rows: int) -> float:
    r"""Return what :func:`distinct_neurons` gives for neurons whose rows are permuted independently of each other.

    .. math:: \frac{N}{1 + (N - 1) / (R - 1)}

    since the squared correlation of two permuted columns of R rows is 1 / (R - 1) on average. NaN for no neuron, or
    fewer than two rows.

    >>> round(independent_neurons(100, 1000), 1)
    91.0
    """
    return n / (1 + (n - 1) / (n_rows - 1)) if n and n_rows > 1 else torch.nan
