"""Where "monosemanticity up by 37 %" can be found: the change of every measure against no penalty, by readout."""

from __future__ import annotations

from math import nan

import pandas as pd

from study_parts.grid import baseline_of

# measure, its column, and whether more is clearer
MEASURES = {
    "accuracy": "accuracy",
    "capacity": "capacity of tokens over neurons",
    "token_selectivity": "token selectivity",
    "class_selectivity": "class selectivity",
    "monosemanticity": "MS",
    "population_sparsity": "population sparsity",
    "embedding polysemanticity": "embedding: the release's polysemanticity",
    "embedding polysemanticity_at_unit_length": "the same at unit length",
    "embedding capacity": "embedding: capacity",
    "embedding length": "embedding: length",
}


def claim_table(table: pd.DataFrame, *, stage: str, data: str) -> str:
    """Return the change in % of each raw measure, mean over seeds, for every method beside that without a penalty.

    That has the same readout and start. Both means are over the seeds that both have.

    Raw values, as a claim without a null would quote them: that a null was left out is one way to reach a figure.
    """
    rows = table[(table["stage"] == stage) & (table["data"] == data)]
    wide = rows.pivot_table("value", ["method", "weight", "seed"], "measure")
    lines = ["| method, weight (seeds) | " + " | ".join(MEASURES.values()) + " |", "|---" * (len(MEASURES) + 1) + "|"]
    for (method, weight), values in wide.groupby(level=["method", "weight"]):
        base = baseline_of(method)
        if method == base or base not in wide.index.get_level_values(0):
            continue
        without = wide.loc[base].droplevel("weight")
        values = values.droplevel(["method", "weight"])
        seeds = values.index.intersection(without.index)
        if seeds.empty:
            continue
        after, before = values.loc[seeds].mean(), without.loc[seeds].mean()
        changes = [100 * (after.get(name, nan) / before.get(name, nan) - 1) for name in MEASURES]
        shown = " | ".join("–" if pd.isna(change) else f"{change:+.0f}" for change in changes)
        lines.append(f"| {method}, {weight} ({len(seeds)}) | {shown} |")
    return "\n".join(lines)
