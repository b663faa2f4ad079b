"""Figures with confidence intervals over sentences."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from safr_lens.checks import check_seed

N_BOOTSTRAP = 1000
CHUNK = 50
MOST_DRAWN = 2**20  # texts drawn at once, of 24 bytes each


@dataclass(frozen=True)
class Estimate:
    """A figure, and what it would have been on other sentences.

    Attributes:
        value: on all sentences.
        replicates: the figure on resampled sentences. Two figures of the same sentences and seed have the same
            resamples, so their difference is a paired one.
        kind: ``"bootstrap"`` (sentences drawn with replacement) or ``"jackknife"`` (one group of sentences left out at
            a time), or ``"none"`` for a figure that is given without an interval.
    """

    value: float
    replicates: Float[Tensor, " n"]
    kind: str = "bootstrap"

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the confidence interval: percentiles of a bootstrap, Student's t with n - 1 degrees for a jackknife.

        NaN where the figure or a replicate is undefined, or where there is but one sentence.
        """
        n = len(self.replicates)
        if n < 2 or math.isnan(self.value) or bool(self.replicates.isnan().any()):
            return math.nan, math.nan
        if self.kind == "bootstrap":
            ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=self.replicates.dtype)
            low, high = self.replicates.quantile(ends).tolist()
            return low, high
        spread = (self.replicates - self.replicates.mean()).square().sum().item()
        half = float(stats.t.ppf((1 + level) / 2, n - 1)) * math.sqrt((n - 1) / n * spread)
        return self.value - half, self.value + half

    def __sub__(self, other: Estimate) -> Estimate:
        """Return the paired difference of two figures that were measured on the same sentences with the same seed.

        Raises:
            ValueError: figures with other resamples.
        """
        if self.kind != other.kind or len(self.replicates) != len(other.replicates):
            raise ValueError("These figures were not measured on the same resamples; their difference is not paired.")
        return Estimate(self.value - other.value, self.replicates - other.replicates, self.kind)

    def to_dict(self, level: float = 0.95) -> dict[str, float | str]:
        """Return value and interval as plain numbers."""
        low, high = self.interval(level)
        return {"value": self.value, "low": low, "high": high, "interval": self.kind}


def no_interval(value: float) -> Estimate:
    """Return a figure that is given without an interval."""
    return Estimate(float(value), torch.empty(0, dtype=torch.float64), "none")


def bootstrap_ratio(
    above: Float[Tensor, " n_texts"],
    below: Float[Tensor, " n_texts"],
    *,
    n_replicates: int = N_BOOTSTRAP,
    seed: int = 0,
) -> Estimate:
    r"""Estimate :math:`\sum_s a_s / \sum_s b_s` over texts s, drawing whole texts with replacement.

    A mean over texts has ``below`` all ones; a mean over tokens has the texts' numbers of tokens there, so that tokens
    of a text stay together. Of one text there is no interval.

    Args:
        above, below: one value a text.
        n_replicates: how many resamples.
        seed: of the resamples.

    Raises:
        ValueError: no text, or another number of values above than below.

    >>> bootstrap_ratio(torch.tensor([1.0, 0.0, 1.0, 1.0]), torch.ones(4)).value
    0.75
    """
    if len(above) != len(below) or not len(above):
        raise ValueError(f"Expected one value a text above and below; got {len(above)} and {len(below)}.")
    n = len(above)
    columns = torch.stack([above, below], 1).double().cpu()
    check_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    replicates = []
    chunk = max(1, min(CHUNK, MOST_DRAWN // n))
    for start in range(0, n_replicates, chunk):
        size = min(chunk, n_replicates - start)
        drawn = torch.randint(n, (size, n), generator=generator)
        weights = torch.zeros(size, n, dtype=torch.float64).scatter_add_(1, drawn, torch.ones(size, n).double())
        sums = weights @ columns
        replicates.append(sums[:, 0] / sums[:, 1])
    total = columns.sum(0)
    spread = torch.cat(replicates)
    if n == 1:  # every resample is the same: that says nothing of other texts
        spread.fill_(torch.nan)
    return Estimate((total[0] / total[1]).item(), spread)


def jackknife(statistic: Callable[[int | None], float], n_groups: int) -> Estimate:
    """Estimate a figure from itself with one group of sentences left out at a time.

    For figures that are no means over sentences, such as an entropy over word types: a bootstrap's duplicated
    sentences would hold fewer types than fresh ones and shift such figures, leaving sentences out hardly does.

    Args:
        statistic: the figure without the group of that number; of all sentences for None.
        n_groups: number of groups.

    Source: the delete-a-group jackknife (Kott 2001, Journal of Official Statistics 17).

    >>> jackknife(lambda left_out: 1.0, 4).interval()
    (1.0, 1.0)
    """
    replicates = torch.tensor([statistic(group) for group in range(n_groups)], dtype=torch.float64)
    return Estimate(statistic(None), replicates, "jackknife")
