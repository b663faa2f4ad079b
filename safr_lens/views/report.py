"""The page that compares an unregularised and a SAFR classifier: self-contained, offline, readable without scripts."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from safr_lens.atomic import write_text
from safr_lens.views.components import Component, script
from safr_lens.views.inert import inert
from safr_lens.views.sentence import SentenceView


@dataclass(frozen=True)
class ReportText:
    """One text of the report, with its true label and what each model makes of it."""

    text: str
    label: str
    views: Sequence[SentenceView]


def write_report(
    path: str | Path,
    *,
    title: str,
    intro: Sequence[str],
    table: Sequence[Mapping[str, Any]],
    warnings: Sequence[str],
    texts: Sequence[ReportText],
    facts: Mapping[str, str],
) -> None:
    """Write the page; every text in it is shown as text.

    Args:
        path: the HTML file.
        title: of the page.
        intro: paragraphs that say what was trained on what.
        table: rows with ``name``, ``values`` (one a model), ``change`` and ``meaning``.
        warnings: sentences that a reader must not miss.
        texts: examples, each with one view a model.
        facts: how it was made.
    """
    counter = itertools.count()
    placed: list[tuple[str, Component]] = []

    def place(component: Component) -> str:
        name = f"view-{next(counter)}"
        placed.append((name, component))
        return name

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("safr_lens.views"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["inert"] = inert
    environment.globals.update(place=place, placed=placed)
    page = environment.get_template("report.html.jinja").render(
        title=title,
        intro=intro,
        table=table,
        models=[view.model_name for view in texts[0].views] if texts else [],
        warnings=warnings,
        texts=texts,
        facts=facts,
        script=script(),
    )
    write_text(path, page)
