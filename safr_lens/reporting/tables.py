"""The measurements of one or two models as a table for a page."""

from __future__ import annotations

import math
from dataclasses import dataclass

from safr_lens.analysis import Analysis, Difference
from safr_lens.measures.cells import Cell, cell_of
from safr_lens.measures.registry import MEASURES

# what stands behind the main measures, each up to a place in the order of measures
GROUPS = {
    40: "Predictions",
    80: "What neurons respond to",
    120: "How many neurons are used",
    130: "Dimensions",
    140: "Faithfulness of importance",
    math.inf: "Further measures",
}


@dataclass(frozen=True)
class ComparedRow:
    """One measure of one or two models."""

    key: str
    title: str
    arrow: str
    meaning: str
    cells: list[Cell]
    difference: str
    interval: str
    verdict: str


@dataclass(frozen=True)
class Tile:
    """One measure, large."""

    title: str
    value: str
    note: str


def compared_rows(analyses: list[Analysis], differences: list[Difference]) -> list[ComparedRow]:
    """Return one row a measure that all models have: the baseline, if there is one, and the other."""
    by_name = {one.measure: one for one in differences}
    rows = []
    for name, measure in MEASURES.items():
        if not all(name in analysis.measurements for analysis in analyses):
            continue
        cells = [cell_of(measure, one.measurements[name], one.at_init.get(name)) for one in analyses]
        change = by_name.get(name)
        known = change is not None and change.verdict != "unknown"
        rows.append(
            ComparedRow(
                key=name,
                title=measure.title,
                arrow=measure.arrow,
                meaning=measure.meaning,
                cells=cells,
                difference=measure.shown(change.difference, sign=True) if change else "",
                interval=measure.span((change.low, change.high), sign=True) if known and change else "",
                verdict=change.verdict if known and change else "",
            )
        )
    return rows


def grouped(rows: list[ComparedRow]) -> list[tuple[str, list[ComparedRow]]]:
    """Return the measures that a reader looks for first, and all others by what they are about."""
    groups: dict[str, list[ComparedRow]] = {"Main measures": [row for row in rows if MEASURES[row.key].tile]}
    for row in rows:
        if not MEASURES[row.key].tile:
            title = next(title for end, title in GROUPS.items() if MEASURES[row.key].order < end)
            groups.setdefault(title, []).append(row)
    return [(title, of_group) for title, of_group in groups.items() if of_group]


def tiles(rows: list[ComparedRow]) -> list[Tile]:
    """Return the measures that a reader looks for first."""
    shown = []
    for row in rows:
        if not MEASURES[row.key].tile:
            continue
        last = row.cells[-1]
        value = last.above or last.value
        note = "above chance" if last.above else ""
        if len(row.cells) > 1:
            before = row.cells[0].above or row.cells[0].value
            note = f"{note}{', ' if note else ''}baseline {before}" + (f": {row.verdict}" if row.verdict else "")
        shown.append(Tile(row.title, value, note))
    return shown


def verdicts(differences: list[Difference]) -> list[tuple[str, list[str]]]:
    """Return the titles of the measures by verdict, those that differ first."""
    order = ("better", "worse", "different", "within noise")
    by_verdict = {
        verdict: [MEASURES[d.measure].title for d in differences if d.verdict == verdict] for verdict in order
    }
    return [(verdict, names) for verdict, names in by_verdict.items() if names]
