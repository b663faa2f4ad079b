"""Seeds as text: mean and spread, and what a method costs, paired by seed."""

from __future__ import annotations

import pandas as pd
from scipy import stats

# unit and digits of a measure in all tables
FORMATS = {
    "accuracy": (100, 1),
    "loss": (1, 3),
    "reliance_zero": (100, 1),
    "reliance_mean": (100, 1),
    "silent_tokens": (100, 1),
    "alive_neurons": (100, 0),
    "active_per_token": (1, 0),
    "capacity": (1, 3),
    "token_selectivity": (1, 3),
    "token_selectivity_of_what_is_left": (1, 3),
    "token_selectivity_by_effect": (1, 3),
    "class_selectivity": (1, 3),
    "monosemanticity": (1, 4),
    "monosemanticity_by_effect": (1, 4),
    "evidence_concentration": (1, 1),
    "evidence_concentration_important": (1, 1),
    "name_fidelity_by_effect": (1, 3),
    "names_that_hold": (100, 0),
    "distinct_neurons": (1, 0),
    "favourite_words": (1, 0),
    "largest_share": (100, 0),
    "carrying_neurons": (1, 0),
    "probe auc, polarity": (1, 3),
    "probe f1, words": (1, 3),
    "probe auc, words": (1, 3),
    "comprehensiveness": (1, 3),
    "sufficiency": (1, 3),
    "naopc_of_beginnings": (1, 3),
}


def mean_of(values: pd.Series, measure: str) -> str:
    """Return the mean over seeds in the measure's unit."""
    scale, digits = FORMATS[measure]
    return f"{scale * values.mean():.{digits}f}"


def spread(values: pd.Series, measure: str) -> str:
    """Return mean ± standard deviation over seeds in the measure's unit; the mean alone of one."""
    values = values.dropna()
    if values.empty:
        return "–"
    scale, digits = FORMATS[measure]
    shown = mean_of(values, measure)
    return shown if len(values) < 2 else f"{shown} ± {scale * values.std():.{digits}f}"


def points_lost(rows: pd.DataFrame, base: pd.DataFrame) -> pd.Series:
    """Return by how many points of accuracy each seed's run is under the base's run of that seed."""
    return 100 * (base.set_index("seed")["accuracy"] - rows.set_index("seed")["accuracy"]).dropna()


def accuracy_lost(rows: pd.DataFrame, base: pd.DataFrame) -> str:
    """Return the mean of :func:`points_lost`, with its 95 % interval over seeds."""
    return with_interval(points_lost(rows, base), digits=1)


def with_interval(differences: pd.Series, *, digits: int) -> str:
    """Return the mean of signed differences, one a seed, with its 95 % interval over seeds."""
    if differences.empty:
        return "–"
    mean, shown = differences.mean(), f"{differences.mean():+.{digits}f}"
    if len(differences) > 1 and differences.std() > 0:
        low, high = stats.t.interval(0.95, len(differences) - 1, mean, stats.sem(differences))
        shown += f" ({low:+.{digits}f} to {high:+.{digits}f})"
    return shown
