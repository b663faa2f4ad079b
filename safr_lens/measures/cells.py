"""Measurements as text, for the tables of commands, reports and notebooks."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from safr_lens.measures.measurement import Measurement
from safr_lens.measures.registry import ARROWS, MEASURES, Measure

COLUMNS = ("measure", "value", "95 % interval", "null", "above null", "95 % interval")
AT_INIT = "at random start"


@dataclass(frozen=True)
class Cell:
    """A measurement of one model as text; empty where there is nothing to say.

    Attributes:
        number: the value itself, or what is above its null, in the unit of the table.
    """

    number: float
    value: str
    interval: str
    null: str
    above: str
    above_interval: str
    at_init: str


def cell_of(measure: Measure, measurement: Measurement, at_init: Measurement | None) -> Cell:
    """Return a measurement as text in its unit; what is compared with random weights is the value above its null."""
    null, above = measurement.null, measurement.above
    return Cell(
        number=measure.scale * measurement.judged.value,
        value=measure.shown(measurement.estimate.value),
        interval=measure.span(measurement.estimate.interval()),
        null=measure.shown(null.value) if null else "",
        above=measure.shown(above.value, sign=True) if above else "",
        above_interval=measure.span(above.interval(), sign=True) if above else "",
        at_init=measure.shown(at_init.judged.value, sign=at_init.above is not None) if at_init else "",
    )


def measure_rows(measured: Mapping[str, Measurement], at_init: Mapping[str, Measurement]) -> list[list[str]]:
    """Return one row a measure; the last column only where there are measurements at random initialisation."""
    rows = []
    for name, measurement in measured.items():
        measure = MEASURES[name]
        cell = cell_of(measure, measurement, at_init.get(name))
        row = [measure.heading, cell.value, cell.interval, cell.null, cell.above, cell.above_interval]
        rows.append([*row, cell.at_init] if at_init else row)
    return rows


def as_html(
    title: str, measured: Mapping[str, Measurement], at_init: Mapping[str, Measurement], notes: Iterable[str]
) -> str:
    """Return a title, a table of measurements and notes below it, all escaped.

    >>> as_html("An <analysis>", {}, {}, ["few texts"]).startswith("<p>An &lt;analysis&gt;</p>")
    True
    """
    table = pd.DataFrame(measure_rows(measured, at_init), columns=[*COLUMNS, *([AT_INIT] if at_init else [])])
    with pd.option_context("display.max_colwidth", None):
        shown = table.to_html(index=False, border=0)
    below = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f"<p>{html.escape(title)}</p>{shown}<p>{ARROWS}</p>" + (f"<ul>{below}</ul>" if below else "")
