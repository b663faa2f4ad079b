"""Pareto figures: each measure of readability against accuracy, one line a method, seeds as a band."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from safr_lens.atomic import replacing
from study_parts.grid import DRAWN
from study_parts.page_tables import SHORT

MEASURES = {
    "capacity": "capacity",
    "token_selectivity": "token selectivity, above its null",
    "token_selectivity_of_what_is_left": "chance-normalised token selectivity",
    "class_selectivity": "class selectivity, above its null",
    "monosemanticity": "monosemanticity, above its null",
    "monosemanticity_by_effect": "monosemanticity, above its null, by effect",
    "probe auc, polarity": "AUC of the best neuron for polarity, above its null",
    "probe f1, words": "mean F1 of the best neuron for word concepts, above its null",
}
# Okabe and Ito's colours, which colour-blind people can distinguish, and a few more, each with a marker of its own
COLOURS = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#999933",
    "#7F7F7F",
    "#44AA99",
    "#882255",
    "#332288",
)
MARKERS = "osD^vP*Xh<>d"
# a method looks the same in every Pareto figure
PLACES = {name: place for place, name in enumerate(DRAWN)}


def style_of(number: int) -> dict[str, str]:
    """Return a colour with a marker that no other of the first 144 numbers has both of."""
    n = len(COLOURS)
    return {"color": COLOURS[number % n], "marker": MARKERS[(number + number // n) % n]}


def shown_name(method: str) -> str:
    """Return what a legend calls a method."""
    return SHORT.get(method, method).replace("`", "")


def pareto(wide: pd.DataFrame, out: Path, *, stage: str) -> list[Path]:
    """Draw one figure a data set with a panel a measure, and return the files; none of data without a drawn method."""
    written = []
    for data, part in wide[(wide["stage"] == stage) & wide["method"].isin(DRAWN)].groupby("data"):
        n_seeds = part["seed"].nunique()
        if part["method"].nunique() < 2 or (stage != "choose" and n_seeds < 2):
            continue  # axes drawn around a single method, or single runs, make anything look like a difference
        figure, panels = plt.subplots(2, 4, figsize=(18, 8))
        for panel, (measure, title) in zip(panels.flat, MEASURES.items(), strict=True):
            _panel(panel, part, measure, title)
        handles, names = panels.flat[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="lower center", ncols=5, frameon=False, fontsize=8)
        split = "validation" if stage == "choose" else "test"
        figure.suptitle(
            f"{data}, {split} split, up to {n_seeds} seeds: upper right is better; bands and thin lines span the seeds"
        )
        figure.tight_layout(rect=(0, 0.1, 1, 1))
        path = out / f"pareto_{stage}_{data}.png"
        save_figure(figure, path)
        written.append(path)
    return written


def save_figure(figure: plt.Figure, path: Path) -> None:
    """Write a figure as PNG and close it."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=90)
    plt.close(figure)


def _panel(panel: plt.Axes, part: pd.DataFrame, measure: str, title: str) -> None:
    if measure in part:
        drawn = {name: rows for name, rows in part.groupby("method") if name in PLACES}
        for method, rows in sorted(drawn.items(), key=lambda item: PLACES[item[0]]):
            by_weight = rows.groupby("weight")
            points = pd.DataFrame(
                {
                    "x": 100 * by_weight["accuracy"].mean(),
                    "left": 100 * by_weight["accuracy"].min(),
                    "right": 100 * by_weight["accuracy"].max(),
                    "y": by_weight[measure].mean(),
                    "low": by_weight[measure].min(),
                    "high": by_weight[measure].max(),
                }
            ).sort_values("x")
            style = style_of(PLACES[method])
            panel.plot(points["x"], points["y"], label=shown_name(method), markersize=5, linewidth=1, **style)
            if len(points) > 1:
                panel.fill_between(points["x"], points["low"], points["high"], color=style["color"], alpha=0.12)
            panel.vlines(points["x"], points["low"], points["high"], color=style["color"], linewidth=1, alpha=0.5)
            panel.hlines(points["y"], points["left"], points["right"], color=style["color"], linewidth=1, alpha=0.5)
    panel.set_xlabel("accuracy, %")
    panel.set_title(title, fontsize=9)
