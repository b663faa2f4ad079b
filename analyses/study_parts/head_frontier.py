"""What few neurons of a token cost: one picture of the runs of the neuron head."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd

from safr_lens.atomic import replacing
from study_parts.figures import style_of

FEWEST, WANTED = "evidence_concentration", 6
MEASURES = {
    "accuracy": "accuracy",
    "monosemanticity_by_effect": "MS by effect, above its null",
    "name_fidelity_by_effect": "name fidelity by effect, above its null",
    "word_concepts": "ten word concepts: F1 above null",
}


def head_frontier(rows: list[dict], out: Path) -> None:
    """Draw each measure over the neurons for half of a token's evidence, one row of panels a data set.

    A point is the mean over seeds, with bars of one standard deviation both ways. Upper left is better.

    Args:
        rows: of one split.
        out: a PNG.
    """
    frame = pd.DataFrame(rows)
    frame["accuracy"] = frame["test"] if "test" in frame else frame["validation"]
    measures = {name: title for name, title in MEASURES.items() if name in frame and frame[name].notna().all()}
    sources = list(dict.fromkeys(frame["data"]))
    size = {"figsize": (4.3 * len(measures), 3.4 * len(sources) + 0.7), "squeeze": False}
    figure, panels = plt.subplots(len(sources), len(measures), **size)
    for source, across in zip(sources, panels, strict=True):
        grouped = frame[frame["data"] == source].groupby("method", sort=False)
        for panel, (measure, title) in zip(across, measures.items(), strict=True):
            for i, (method, runs) in enumerate(grouped):
                bars = {"xerr": runs[FEWEST].std(), "yerr": runs[measure].std()} if len(runs) > 1 else {}
                style = style_of(i) | {"linestyle": "none"}
                panel.errorbar(runs[FEWEST].mean(), runs[measure].mean(), label=method, capsize=2, **bars, **style)
            panel.axvline(WANTED, color="#999999", linewidth=1, linestyle="--")
            panel.set_xscale("log")
            ticks = [2, 3, 6, 10, 20, 50]
            panel.set_xticks(ticks, [str(tick) for tick in ticks])
            panel.minorticks_off()
            panel.set_title(f"{title}\n{Path(source).stem}", fontsize=9)
            panel.set_xlabel("neurons for half of a token's evidence (median)", fontsize=8)
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=min(5, len(names)), frameon=False, fontsize=9)
    figure.tight_layout(rect=(0, 0.35 / size["figsize"][1], 1, 1))
    with replacing(out) as temporary:
        figure.savefig(temporary, format="png", dpi=100)
    plt.close(figure)
