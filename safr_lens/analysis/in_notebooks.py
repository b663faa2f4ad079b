"""What a notebook shows where an analysis is the last value of a cell."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping

import pandas as pd

from safr_lens.measures.cells import AT_INIT, COLUMNS, measure_rows
from safr_lens.measures.measurement import Measurement


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
    return f"<p>{html.escape(title)}</p>{shown}" + (f"<ul>{below}</ul>" if below else "")
