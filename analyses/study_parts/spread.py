"""Seeds as text: mean and spread, and what a method costs, paired by seed."""

from __future__ import annotations

import pandas as pd
from scipy import stats


def spread(values: pd.Series, scale: float, digits: int) -> str:
    """Return mean ± standard deviation over seeds; the mean alone of one."""
    values = scale * values.dropna()
    if values.empty:
        return "–"
    shown = f"{values.mean():.{digits}f}"
    return shown if len(values) < 2 else f"{shown} ± {values.std():.{digits}f}"


def points_lost(rows: pd.DataFrame, base: pd.DataFrame) -> pd.Series:
    """Return by how many points of accuracy each seed's run is under the base's run of that seed."""
    return 100 * (base.set_index("seed")["accuracy"] - rows.set_index("seed")["accuracy"]).dropna()


def accuracy_lost(rows: pd.DataFrame, base: pd.DataFrame) -> str:
    """Return the mean of :func:`points_lost`, with its 95 % interval over seeds."""
    lost = points_lost(rows, base)
    if lost.empty:
        return "–"
    shown = f"{lost.mean():+.1f}"
    if len(lost) > 1 and lost.std() > 0:
        low, high = stats.t.interval(0.95, len(lost) - 1, lost.mean(), stats.sem(lost))
        shown += f" ({low:+.1f} to {high:+.1f})"
    return shown
