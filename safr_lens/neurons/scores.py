"""How well scores tell two kinds of samples apart: areas under ROC curves, F1 and its threshold, and intervals."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata
from torch import Tensor

from safr_lens.checks import check_seed

BLOCK = 64


def column_aucs(
    values: Float[Tensor, "n_samples n_columns"], labels: Bool[Tensor, "n_labelings n_samples"]
) -> Float[Tensor, "n_labelings n_columns"]:
    r"""Area under the ROC curve of each column of values, for one or several labelings of the same samples.

    .. math:: AUC = \frac{\sum_{i \in P} r_i - |P| (|P| + 1) / 2}{|P| \, |N|}

    with r the rank of a value among all, the mean rank where values are equal, and P and N the positive and the other
    samples. It is the chance that a random positive has a larger value than a random other one. Range [0, 1]; 1/2 for
    values that say nothing, and for a constant column; its standard error there is about
    :math:`\sqrt{(1/|P| + 1/|N|) / 12}`. It does not change with any increasing function of the values.

    Returns:
        One value a labeling and column, in float64; NaN for a labeling of one class.

    >>> column_aucs(torch.tensor([[0.0, 5.0], [0.0, 5.0], [1.0, 5.0]]), torch.tensor([[False, True, True]]))
    tensor([[0.7500, 0.5000]], dtype=torch.float64)
    """
    positive = labels.double()
    n_positive = positive.sum(1, keepdim=True)
    n_negative = labels.shape[1] - n_positive
    # ranks do not depend on labels: one sort serves all labelings, and blocks bound the memory of float64 ranks
    sums = [positive @ _mean_ranks(block) for block in values.split(BLOCK, dim=1)]
    return (torch.cat(sums, dim=1) - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def _mean_ranks(values: Float[Tensor, "n_samples n_columns"]) -> Float[Tensor, "n_samples n_columns"]:
    return torch.from_numpy(rankdata(values.cpu().numpy(), axis=0)).to(values.device)


def best_threshold(scores: Float[Tensor, " n_samples"], labels: Bool[Tensor, " n_samples"]) -> float:
    """Return the threshold above which scores give the highest F1; the highest one of several.

    It lies halfway between two scores, so that rounding of either does not matter, and 0.5 below the lowest score
    where it is best to call everything positive.

    >>> best_threshold(torch.tensor([0.0, 1.0, 3.0, 2.0]), torch.tensor([False, False, True, True]))
    1.5
    """
    ordered, order = scores.double().sort(descending=True)
    hits = labels[order].double().cumsum(0)
    n_called = torch.arange(1, len(scores) + 1, dtype=torch.float64, device=scores.device)
    f1 = 2 * hits / (n_called + labels.sum())
    below = torch.cat([ordered[1:], ordered[-1:] - 1])
    # a threshold cannot part equal scores
    best = int(f1.masked_fill(ordered == below, -1.0).argmax())
    return float((ordered[best] + below[best]) / 2)


def f1_score(called: Bool[Tensor, " n_samples"], labels: Bool[Tensor, " n_samples"]) -> float:
    r"""F1: the harmonic mean of precision and recall.

    .. math:: F_1 = \frac{2 TP}{2 TP + FP + FN}

    Range [0, 1]; 1 where exactly the positives are called positive. Calling everything positive gives 2p / (1 + p) for
    a share p of positives, which is more than 0 and more than most nonsense: compare with a null. NaN where no sample
    is positive.

    >>> round(f1_score(torch.tensor([True, True, False]), torch.tensor([True, False, False])), 4)
    0.6667
    """
    if not labels.any():
        return math.nan
    return 2 * int((called & labels).sum()) / int(called.sum() + labels.sum())


class Intervals(NamedTuple):
    """95 % intervals of F1 and AUC, and how many of the resamples had samples of both kinds to measure."""

    f1: tuple[float, float]
    auc: tuple[float, float]
    n_resamples: int


def bootstrap(
    scores: Float[Tensor, " n_samples"],
    labels: Bool[Tensor, " n_samples"],
    texts: Int[Tensor, " n_samples"],
    *,
    threshold: float,
    n_resamples: int,
    seed: int,
) -> Intervals:
    """Return percentile intervals over resamples of whole texts, since the tokens of a text are alike.

    Resamples without positive or without other samples have no value and are left out; both ends are NaN where fewer
    than half of the resamples remain.
    """
    label, called = labels.cpu().numpy(), (scores > threshold).cpu().numpy()
    _, score = np.unique(scores.cpu().numpy(), return_inverse=True)
    _, text = np.unique(texts.cpu().numpy(), return_inverse=True)
    check_seed(seed)
    generator = np.random.default_rng(seed)
    resampled = []
    for _ in range(n_resamples):
        drawn = generator.integers(text.max() + 1, size=text.max() + 1)
        weight = np.bincount(drawn, minlength=text.max() + 1)[text]
        positive, negative = weight * label, weight * ~label
        if positive.any() and negative.any():
            f1 = 2 * positive[called].sum() / (positive.sum() + weight[called].sum())
            resampled.append((f1, _weighted_auc(score, positive, negative)))
    if 2 * len(resampled) < n_resamples:
        return Intervals((math.nan, math.nan), (math.nan, math.nan), len(resampled))
    low, high = np.quantile(resampled, [0.025, 0.975], axis=0).tolist()
    return Intervals((low[0], high[0]), (low[1], high[1]), len(resampled))


def _weighted_auc(rank: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> float:
    ups = np.bincount(rank, positive)
    downs = np.bincount(rank, negative)
    below = downs.cumsum() - downs / 2
    return float((ups * below).sum() / (ups.sum() * downs.sum()))
