"""How close each method comes to what the study was asked to reach."""

from __future__ import annotations

import pandas as pd

from study_parts.grid import baseline_of
from study_parts.spread import accuracy_lost, points_lost

BASELINES = ("L1", "SoLU", "MonoLoss", "release", "TopK")


def target_rows(rows: pd.DataFrame, chosen: dict[str, str]) -> str:
    """Return one line a method (its chosen weight): each target, and whether the mean over seeds meets it."""
    rows = rows[
        [chosen.get(method, weight) == weight for method, weight in zip(rows["method"], rows["weight"], strict=True)]
    ]
    means = rows.groupby("method").mean(numeric_only=True)
    lines = [
        "| method | accuracy lost, points (paired over seeds) | reliance ≥ 15 | silent < 5 % | alive ≥ 25 % "
        "| capacity × 3 | token sel. × 8 | MS × 10 | MS above baselines | the last three by effect "
        "| share of neurons with the most common top token, % | k=1 concepts where it is the best "
        "| compr., suff. against random (unregularised) | NAOPC above random (unregularised) |",
        "|---" * 14 + "|",
    ]
    for method in (name for name in means.index if name.startswith("SAFR") and "residual" not in name):
        if baseline_of(method) not in means.index:
            continue
        mean, base = means.loc[method], means.loc[baseline_of(method)]
        baselines = means[means.index.isin((baseline_of(method), *BASELINES))]
        lines.append(
            f"| {method}, {chosen.get(method, '-')} | {_lost(rows, method)} | {_met(100 * mean['reliance_zero'], 15)} "
            f"| {_met(-100 * mean['silent_tokens'], -5)} | {_met(100 * mean['alive_neurons'], 25)} "
            f"| {_times(mean, base, 'capacity', 3)} | {_times(mean, base, 'token_selectivity', 8)} "
            f"| {_times(mean, base, 'monosemanticity', 10)} "
            f"| {_met(mean['monosemanticity'] - baselines['monosemanticity'].max(), 0, digits=4)} "
            f"| {_by_effect(mean, base, baselines)} | {100 * mean.get('largest_share', float('nan')):.0f} "
            f"| {_won(mean, baselines)} | {_faithful(mean, base)} | {_bounded(mean, base)} |"
        )
    return "\n".join(lines) if len(lines) > 2 else "The unregularised classifier has not been measured yet."


def _lost(rows: pd.DataFrame, method: str) -> str:
    pair = [rows[rows["method"] == name] for name in (method, baseline_of(method))]
    return accuracy_lost(*pair) + (" ✓" if points_lost(*pair).mean() <= 0.5 else " ✗")


def _met(value: float, least: float, *, digits: int = 1) -> str:
    return f"{abs(value) if least else value:.{digits}f} {'✓' if value >= least else '✗'}"


def _times(mean: pd.Series, base: pd.Series, measure: str, least: float) -> str:
    if not base[measure] > 0:
        return f"{mean[measure]:.4f} (unregularised {base[measure]:.4f})"
    ratio = mean[measure] / base[measure]
    return f"× {ratio:.1f} {'✓' if ratio >= least else '✗'}"


def _by_effect(mean: pd.Series, base: pd.Series, baselines: pd.DataFrame) -> str:
    names = ("token_selectivity_by_effect", "monosemanticity_by_effect")
    if not all(name in mean and pd.notna(mean[name]) and pd.notna(base[name]) for name in names):
        return "not measured"
    selective, meaning = names
    ahead = mean[meaning] - baselines[meaning].max()
    return f"{_times(mean, base, selective, 8)}; {_times(mean, base, meaning, 10)}; {_met(ahead, 0, digits=4)}"


def _won(mean: pd.Series, baselines: pd.DataFrame) -> str:
    names = [name for name in mean.index if name.startswith("probe f1") and not name.endswith(("words", "polarity"))]
    won = [name.removeprefix("probe f1, ") for name in names if mean[name] > baselines[name].max()]
    polarity = (
        "polarity: best"
        if mean["probe auc, polarity"] > baselines["probe auc, polarity"].max()
        else "polarity: not best"
    )
    return f"{len(won)} of {len(names)} ({', '.join(won) or 'none'}); {polarity}"


def _faithful(mean: pd.Series, base: pd.Series) -> str:
    """Return both against a random ranking; importance is faithful where the first is above 0 and the second below."""
    if not all(pd.notna(mean.get(name)) for name in ("comprehensiveness", "sufficiency")):
        return "not measured"
    compr, suff = (f"{mean[name]:+.3f} ({base[name]:+.3f})" for name in ("comprehensiveness", "sufficiency"))
    beats = mean["comprehensiveness"] > 0 > mean["sufficiency"]
    as_good = mean["comprehensiveness"] >= base["comprehensiveness"] and mean["sufficiency"] <= base["sufficiency"]
    return f"{compr}, {suff} {'✓' if beats else '✗'}{'' if as_good else ', worse than without SAFR'}"


def _bounded(mean: pd.Series, base: pd.Series) -> str:
    here, there = (row.get("naopc_of_beginnings", float("nan")) for row in (mean, base))
    if pd.isna(here) or pd.isna(there):
        return "not measured"
    return f"{here:+.3f} ({there:+.3f}) {'✓' if here >= there and here > 0 else '✗'}"
