"""Figures as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping

from safr_lens.measures.catalogue import CATALOGUE
from safr_lens.measures.estimate import Estimate
from safr_lens.measures.figures import Figure

COLUMNS = ("measure", "value", "95 % interval", "null", "above null", "95 % interval")
AT_INIT = "at random start"


def figure_rows(figures: Mapping[str, Figure], at_init: Mapping[str, Figure]) -> list[list[str]]:
    """Return one row a figure; what is compared with the random initialisation is the figure above its null."""
    rows = []
    for name, figure in figures.items():
        entry = CATALOGUE[name]
        row = [entry.title, entry.shown(figure.estimate.value), shown_interval(name, figure.estimate)]
        if figure.null and figure.above:
            above = entry.shown(figure.above.value, sign=True)
            row += [entry.shown(figure.null.value), above, shown_interval(name, figure.above, sign=True)]
        else:
            row += ["", "", ""]
        if at_init:
            start = at_init.get(name)
            row.append(entry.shown(start.judged.value, sign=start.above is not None) if start else "")
        rows.append(row)
    return rows


def shown_interval(name: str, estimate: Estimate, *, sign: bool = False) -> str:
    """Return an interval as text; empty where there is none."""
    if estimate.kind == "none":
        return ""
    low, high = (CATALOGUE[name].shown(end, sign=sign) for end in estimate.interval())
    return f"{low} to {high}"
