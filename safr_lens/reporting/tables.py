"""The figures of one or two models as a table for a page."""

from __future__ import annotations

from dataclasses import dataclass

from safr_lens.analysis import Analysis
from safr_lens.comparison import Difference
from safr_lens.measures.catalogue import CATALOGUE
from safr_lens.measures.figures import Figure

TILES = ("accuracy", "reliance_zero", "capacity", "token_selectivity", "monosemanticity", "active_per_token")


@dataclass(frozen=True)
class Cell:
    """A figure of one model as text; empty where there is nothing to say.

    Attributes:
        number: the figure itself, or what is above its null, in the unit of the table.
    """

    number: float
    value: str
    interval: str
    null: str
    above: str
    above_interval: str
    at_init: str


@dataclass(frozen=True)
class ComparedRow:
    """One measure of one or two models."""

    key: str
    title: str
    meaning: str
    cells: list[Cell]
    difference: str
    interval: str
    verdict: str


@dataclass(frozen=True)
class Tile:
    """One figure, large."""

    title: str
    value: str
    note: str


def figure_cell(name: str, figure: Figure, at_init: Figure | None) -> Cell:
    """Return a figure as text in its unit."""
    entry = CATALOGUE[name]

    def span(low: float, high: float, sign: bool = False) -> str:
        shown = [entry.shown(end, sign=sign) for end in (low, high)]
        return "" if "–" in shown else f"{shown[0]} to {shown[1]}"

    return Cell(
        number=entry.scale * figure.judged.value,
        value=entry.shown(figure.estimate.value),
        interval=span(*figure.estimate.interval()),
        null=entry.shown(figure.null.value) if figure.null else "",
        above=entry.shown(figure.above.value, sign=True) if figure.above else "",
        above_interval=span(*figure.above.interval(), sign=True) if figure.above else "",
        at_init=entry.shown(at_init.judged.value, sign=at_init.above is not None) if at_init else "",
    )


def compared_rows(analyses: list[Analysis], differences: list[Difference]) -> list[ComparedRow]:
    """Return one row a measure that all models have.

    Args:
        analyses: of the baseline, if there is one, and of the model.
        differences: of the model from the baseline; empty without one.
    """
    by_name = {one.figure: one for one in differences}
    rows = []
    for name, entry in CATALOGUE.items():
        if not all(name in analysis.figures for analysis in analyses):
            continue
        cells = [figure_cell(name, one.figures[name], one.at_init.get(name)) for one in analyses]
        change = by_name.get(name)
        known = change is not None and change.verdict != "unknown"
        rows.append(
            ComparedRow(
                key=name,
                title=entry.title,
                meaning=entry.meaning,
                cells=cells,
                difference=entry.shown(change.difference, sign=True) if change else "",
                interval=f"{entry.shown(change.low, sign=True)} to {entry.shown(change.high, sign=True)}"
                if known and change
                else "",
                verdict=change.verdict if known and change else "",
            )
        )
    return rows


def tiles(rows: list[ComparedRow]) -> list[Tile]:
    """Return the figures that a reader looks for first."""
    shown = []
    for row in rows:
        if row.key not in TILES:
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
    """Return the titles of the measures by verdict, the telling ones first."""
    order = ("better", "worse", "different", "within noise")
    found = {verdict: [CATALOGUE[d.figure].title for d in differences if d.verdict == verdict] for verdict in order}
    return [(verdict, names) for verdict, names in found.items() if names]
