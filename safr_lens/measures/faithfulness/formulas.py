"""What deleting tokens does to the probability of the class that the model predicts on the full text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from jaxtyping import Float
from torch import Tensor

from safr_lens.checks import check_number
from safr_lens.errors import ConfigError
from safr_lens.visible import shown

BINS = (0.01, 0.05, 0.1, 0.2, 0.5)


def comprehensiveness(full: Float[Tensor, " n"], without: Float[Tensor, "n n_bins"]) -> Float[Tensor, " n"]:
    r"""How much probability the predicted class loses when the most important tokens are deleted.

    .. math:: comp = \frac{1}{|B|} \sum_{k \in B} \left( p_j(x) - p_j(x \setminus r_k) \right)

    where j is the class predicted on the full text x, and r_k are the most important tokens of the text, as many as
    bin k asks for. Range [-1, 1]; **higher is more faithful**. A random ranking does not have 0 but what its deletions
    cost this model, so report it beside (:func:`faithfulness` does). Texts differ widely: use a few hundred.

    The paper divides by n + 1 for n bins, which counts the empty bin that costs nothing; the authors' released code
    averages over the n bins, as is done here. Values with the paper's divisor are n / (n + 1) times these, 5/6 with the
    five bins.

    Args:
        full: probability of class j on the full text.
        without: the same after deletion, one column a bin (in the paper 1, 5, 10, 20 and 50 % of the tokens).

    Returns:
        One value a text; NaN where one of its bins is NaN.

    Raises:
        ValueError: shapes that do not belong together, or no bin.

    Source: DeYoung et al. 2020 (ERASER, arXiv 1911.03429).

    >>> import torch
    >>> comprehensiveness(torch.tensor([0.875]), torch.tensor([[0.625, 0.125]]))
    tensor([0.5000])
    """
    return _mean_drop(full, without, what="comprehensiveness")


def sufficiency(full: Float[Tensor, " n"], only: Float[Tensor, "n n_bins"]) -> Float[Tensor, " n"]:
    r"""How much probability the predicted class loses when only the most important tokens are kept.

    .. math:: suff = \frac{1}{|B|} \sum_{k \in B} \left( p_j(x) - p_j(r_k) \right)

    Notation, divisor, range [-1, 1] and sample as for :func:`comprehensiveness`; here **lower is more faithful**: 0
    where the most important tokens alone do as well as the full text, below 0 where they do better. A random ranking
    has what random tokens alone cost this model, so report it beside.

    Args:
        full: probability of class j on the full text.
        only: the same on the most important tokens alone, one column a bin.

    Returns:
        One value a text; NaN where one of its bins is NaN.

    Raises:
        ValueError: shapes that do not belong together, or no bin.

    Source: DeYoung et al. 2020 (ERASER, arXiv 1911.03429).

    >>> import torch
    >>> sufficiency(torch.tensor([0.875]), torch.tensor([[0.625, 1.0]]))
    tensor([0.0625])
    """
    return _mean_drop(full, only, what="sufficiency")


def aopc(curve: Float[Tensor, "n n_steps"], full: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
    r"""Area over the perturbation curve: the mean loss while the tokens are deleted one by one.

    .. math:: AOPC = \frac{1}{N} \sum_{k=1}^{N} \left( f(x) - f(x \setminus r_{1:k}) \right)

    for a text of N tokens, the most important first; f is the probability of the class predicted on the full text.
    Range [-1, 1]; **higher is more faithful** for one model. A random ranking does not have 0. Use a few hundred texts.

    **It cannot be compared across models**: which values a text can reach at all depends on the model.
    :func:`normalised_aopc` puts it between the worst and the best order of that text and that model.

    Args:
        curve: f after each deletion; shorter texts are padded with NaN behind their last step.
        full: f on the full text.

    Returns:
        One value a text; NaN for a text without a step, and where a NaN stands between its steps.

    Raises:
        ValueError: shapes that do not belong together.

    Source: Samek et al. 2017 (arXiv 1509.06321) and Nguyen 2018; notation of Edin et al. 2024 (arXiv 2408.08137).

    >>> import torch
    >>> nan = float("nan")
    >>> aopc(torch.tensor([[0.5, 0.25, 0.0], [0.5, 0.75, nan], [nan, nan, nan]]), torch.tensor([1.0, 1.0, 1.0]))
    tensor([0.7500, 0.3750,    nan])
    """
    _check_shapes(full, curve, what="aopc")
    known = ~curve.isnan()
    mean_drop = (full.unsqueeze(1) - curve).nanmean(1)
    interrupted = (known[:, 1:] & ~known[:, :-1]).any(1)
    return mean_drop.masked_fill(interrupted, float("nan"))


def checked_bins(bins: Any) -> tuple[float, ...]:
    """Return shares of the tokens as a tuple.

    Raises:
        ConfigError: no share, or one outside (0, 1].
    """
    shares = tuple(bins) if isinstance(bins, Iterable) and not isinstance(bins, str) else ()
    if not shares:
        raise ConfigError(f"bins must be shares of the tokens, such as {BINS}; got {shown(bins)}.")
    for share in shares:
        check_number("each of bins", share, low=0.0, high=1.0)
        if not share:
            raise ConfigError("each of bins must be above 0, since an empty bin deletes nothing; got 0.")
    return shares


def bin_sizes(n_tokens: int, bins: tuple[float, ...]) -> list[int]:
    """Return how many tokens each bin holds: its share of the text rounded up, so at least one.

    >>> bin_sizes(22, BINS)
    [1, 2, 3, 5, 11]
    """
    # 0.07 * 100 is a little above 7, which must not become 8
    return [max(1, math.ceil(round(share * n_tokens, 9))) for share in bins]


def _mean_drop(full: Tensor, kept: Tensor, *, what: str) -> Tensor:
    _check_shapes(full, kept, what=what)
    if not kept.shape[1]:
        raise ValueError(f"{what} needs at least one bin; got none.")
    return (full.unsqueeze(1) - kept).mean(1)


def _check_shapes(full: Tensor, steps: Tensor, *, what: str) -> None:
    if full.ndim != 1 or steps.ndim != 2 or len(full) != len(steps):
        raise ValueError(
            f"{what} needs one probability a text and one row a text; got shapes {tuple(full.shape)} and "
            f"{tuple(steps.shape)}."
        )
