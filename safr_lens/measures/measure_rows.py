"""Measurements as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping

from safr_lens.measures.cells import cell_of
from safr_lens.measures.measurement import Measurement
from safr_lens.measures.registry import MEASURES

COLUMNS = ("measure", "value", "95 % interval", "null", "above null", "95 % interval")
AT_INIT = "at random start"


def measure_rows(measured: Mapping[str, Measurement], at_init: Mapping[str, Measurement]) -> list[list[str]]:
    """Return one row a measure; the last column only where there are measurements at random initialisation."""
    rows = []
    for name, measurement in measured.items():
        cell = cell_of(MEASURES[name], measurement, at_init.get(name))
        row = [MEASURES[name].title, cell.value, cell.interval, cell.null, cell.above, cell.above_interval]
        rows.append([*row, cell.at_init] if at_init else row)
    return rows
