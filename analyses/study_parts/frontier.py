"""What few neurons of a token cost: accuracy, meaning, names and faithful importance beside their number."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from study_parts.figures import save_figure, shown_name, style_of

FEWEST, WANTED = "evidence_concentration_important", 6
TICKS = (3, 6, 12, 25, 50, 100)
MEASURES = {
    "accuracy": "accuracy",
    "monosemanticity_by_effect": "monosemanticity by effect, above its null",
    "name_fidelity_by_effect": "name fidelity by effect, above its null",
    "comprehensiveness": "comprehensiveness, above random rankings",
}


def frontier(wide: pd.DataFrame, out: Path, *, stage: str) -> list[Path]:
    """Draw one figure a data set: each measure over the neurons for half of an important token's evidence.

    A point is the mean over seeds of one setting, a line connects the settings of a method. Upper left is better.
    """
    if FEWEST not in wide:
        return []
    written = []
    for data, part in wide[(wide["stage"] == stage) & wide[FEWEST].notna()].groupby("data"):
        figure, panels = plt.subplots(1, len(MEASURES), figsize=(18, 5.5))
        points = part.groupby(["method", "weight"], sort=False).mean(numeric_only=True)
        for panel, (measure, title) in zip(panels, MEASURES.items(), strict=True):
            for number, (method, rows) in enumerate(points.groupby(level="method")):
                rows = rows.sort_values(FEWEST)
                panel.plot(
                    rows[FEWEST], rows[measure], label=shown_name(method), markersize=6, linewidth=1, **style_of(number)
                )
                named = panel is panels[0] and len(rows) > 1  # a setting stands at the same place in all panels
                for (_, weight), row in rows.iterrows() if named else ():
                    place = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 6}
                    panel.annotate(weight, (row[FEWEST], row[measure]), **place)
            panel.axvline(WANTED, color="#999999", linewidth=1, linestyle="--")
            panel.set_xscale("log")
            panel.set_xticks(TICKS, [str(tick) for tick in TICKS])
            panel.minorticks_off()
            panel.set_xlabel("neurons for half of an important token's evidence")
            panel.set_title(title, fontsize=9)
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="lower center", ncols=6, frameon=False, fontsize=8)
        split = "validation" if stage == "few" else "test"
        figure.suptitle(f"{data}, {split} split, means over seeds: upper left is better; dashed: {WANTED} neurons")
        figure.tight_layout(rect=(0, 0.14, 1, 1))
        path = out / f"frontier_{stage}_{data}.png"
        save_figure(figure, path)
        written.append(path)
    return written
