"""The tidy table of all cells: one row a cell and measure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from study_parts.grid import BASELINE

KEYS = ["stage", "data", "method", "weight", "seed"]
BUDGET = 0.005
LEAST_RELIANCE, MOST_SILENT, LEAST_ALIVE, MOST_ALIKE = 0.15, 0.05, 0.25, 0.25


def tidy(cells: list[dict[str, Any]]) -> pd.DataFrame:
    """Return one row a cell and measure: value, interval, null, and what stands above the null (``judged``)."""
    return pd.DataFrame([row for cell in cells for row in _rows(cell)])


def _rows(cell: dict[str, Any]) -> Iterator[dict[str, Any]]:
    key = {name: cell[name] for name in KEYS}
    yield {**key, "measure": "validation_accuracy", "value": cell["validation_accuracy"]}
    yield {**key, "measure": "seconds", "value": cell["seconds_training"] + cell["seconds_measuring"]}
    for name, figure in cell["figures"].items():
        above, null = figure.get("above_null"), figure.get("null")
        row = {"value": figure["value"], "low": figure["low"], "high": figure["high"]}
        if above:
            row |= {
                "null": null["value"],
                "above": above["value"],
                "above_low": above["low"],
                "above_high": above["high"],
            }
        yield {**key, "measure": name, **row}
        if name == "token_selectivity" and above:
            left = above["value"] / (1 - null["value"])
            yield {**key, "measure": "token_selectivity_of_what_is_left", "value": left}
    for name, value in cell["embedding"].items():
        yield {**key, "measure": f"embedding {name}", "value": value}
    for name, value in cell.get("redundancy", {}).items():
        yield {**key, "measure": name, "value": value}
    if naopc := cell.get("naopc"):
        row = {"value": naopc["tested"], "null": naopc["random"], "above": naopc["tested"] - naopc["random"]}
        yield {**key, "measure": "naopc_of_beginnings", **row}
    for concept, probe in cell["probes"].items():
        for score in ("auc", "f1"):
            low, high = probe[f"{score}_interval"]
            row = {"value": probe[score], "low": low, "high": high}
            row |= {"null": probe[f"{score}_null"], "above": probe[f"{score}_above_null"]}
            yield {**key, "measure": f"probe {score}, {concept}", **row}


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a cell, one column a measure: above its null where it has one."""
    values = table["above"].where(table["above"].notna(), table["value"])
    wide = table.assign(judged=values).pivot_table("judged", KEYS, "measure", dropna=False, observed=True)
    wide = wide.dropna(how="all").reset_index()
    for name in ("largest_share", "monosemanticity_by_effect"):
        wide[name] = wide.get(name, float("nan"))
    words = [name for name in wide if name.startswith("probe") and not name.endswith("polarity")]
    for score in ("auc", "f1"):
        wide[f"probe {score}, words"] = wide[[name for name in words if name.startswith(f"probe {score}")]].mean(axis=1)
    return wide


def chosen_weights(wide: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return the setting of each method, by data: the most meaningful within the budget of accuracy.

    Within the budget is a setting whose mean validation accuracy is at most half a point under that of the
    unregularised classifier, whose reliance is at least 15 points, with under 5 % silent tokens, at least a quarter of
    the neurons alive and at most a quarter of them with the same favourite word. Among these the one with the highest
    monosemanticity above its null, weighted by effect, is taken; where none is within the budget, the most accurate
    one.
    """
    seen = wide[wide["stage"] == "choose"]
    found: dict[str, dict[str, str]] = {}
    for data, part in seen.groupby("data"):
        means = part.groupby(["method", "weight"]).mean(numeric_only=True)
        if BASELINE not in means.index.get_level_values(0):
            continue
        least = means.loc[BASELINE, "validation_accuracy"].iloc[0] - BUDGET
        fits = (means["validation_accuracy"] >= least) & (means["reliance_zero"] >= LEAST_RELIANCE)
        fits &= (means["silent_tokens"] < MOST_SILENT) & (means["alive_neurons"] >= LEAST_ALIVE)
        fits &= means["largest_share"] <= MOST_ALIKE
        found[data] = {}
        for method, settings in means.groupby(level=0):
            allowed = settings[fits.loc[settings.index]]
            best = (
                allowed["monosemanticity_by_effect"].idxmax()
                if len(allowed)
                else settings["validation_accuracy"].idxmax()
            )
            found[data][method] = best[1]
    return found
