"""How many dimensions a set of feature vectors fills."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def effective_rank(features: Float[Tensor, "n_features dim"], *, centre: bool = False) -> Float[Tensor, ""]:
    r"""Effective rank: the exponential of the entropy of the normalised singular values.

    .. math:: erank = \exp H(p), \qquad p_k = \frac{\sigma_k}{\sum_l \sigma_l}

    Range [1, rank]; the rank where all singular values are equal, near 1 where one direction carries everything; higher
    means more dimensions in use. Weak directions count for more than in :func:`participation_ratio`, since singular
    values are not squared. n Gaussian vectors in d dimensions have about 0.8 d for n = d and 0.99 d for n = 10 d: take
    at least ten times as many vectors as dimensions.

    Args:
        features: one vector a row.
        centre: subtract the mean row first. By default it is not subtracted, so a common offset is a direction too.

    Returns:
        One number; NaN for a matrix of zeros or without rows.

    Source: Roy & Vetterli 2007, "The effective rank: a measure of effective dimensionality".

    >>> effective_rank(torch.tensor([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0]]))
    tensor(2.)
    """
    return spectrum_effective_rank(_singular_values(features, centre)).to(features.dtype)


def participation_ratio(features: Float[Tensor, "n_features dim"], *, centre: bool = False) -> Float[Tensor, ""]:
    r"""Participation ratio of the eigenvalues of the second moment :math:`X^\top X / n`.

    .. math:: PR = \frac{(\sum_k \lambda_k)^2}{\sum_k \lambda_k^2}

    Range [1, rank]; k where k eigenvalues are equal and the others are 0; higher means more dimensions in use. Weak
    directions hardly count. n Gaussian vectors in d dimensions have about nd / (n + d), so with fewer vectors than
    about ten times the dimensions it says how many vectors there were.

    Args:
        features: one vector a row.
        centre: subtract the mean row first, which makes the second moment the covariance. By default it is not
            subtracted, so a common offset counts as a direction, often the strongest.

    Returns:
        One number; NaN for a matrix of zeros or without rows.

    Source: Gao et al. 2017, "A theory of multineuronal dimensionality, dynamics and measurement".

    >>> participation_ratio(torch.tensor([[3.0, 0.0], [0.0, 1.0]]))
    tensor(1.2195)
    """
    return spectrum_participation_ratio(_singular_values(features, centre).square()).to(features.dtype)


def spectrum_effective_rank(singular_values: Float[Tensor, " k"]) -> Float[Tensor, ""]:
    """Effective rank of a matrix with these singular values; NaN where all are 0.

    >>> spectrum_effective_rank(torch.tensor([5.0, 5.0, 5.0, 0.0]))
    tensor(3.)
    """
    share = singular_values / singular_values.sum()
    return torch.xlogy(share, share).sum().neg().exp()


def spectrum_participation_ratio(eigenvalues: Float[Tensor, " k"]) -> Float[Tensor, ""]:
    """Participation ratio of these eigenvalues; NaN where all are 0.

    >>> spectrum_participation_ratio(torch.tensor([2.0, 2.0, 0.0]))
    tensor(2.)
    """
    share = eigenvalues / eigenvalues.sum()
    return 1 / share.square().sum()


def _singular_values(features: Float[Tensor, "n_features dim"], centre: bool) -> Float[Tensor, " k"]:
    """Singular values up to a common factor, in float64; those that are rounding error are 0."""
    if not features.numel():
        return torch.zeros(1, dtype=torch.float64, device=features.device)
    scaled = features.double() / features.abs().max().clamp_min(torch.finfo(features.dtype).tiny).double()
    # measured before centring: what subtraction leaves of a constant row is rounding error, not a direction
    negligible = scaled.norm() * max(scaled.shape) * torch.finfo(scaled.dtype).eps
    spectrum = torch.linalg.svdvals(scaled - scaled.mean(0) if centre else scaled)
    return spectrum.where(spectrum > negligible, 0.0)
