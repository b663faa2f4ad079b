"""Views in notebooks: the script bundle once a notebook, however many views it shows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from safr_lens.views.rendering import Rendered, bundle, render, style


@dataclass
class _Carrier:
    """The cell whose output holds the bundle, and in which of its runs: run again, it must hold it again."""

    cell: str | None = None
    run: int = -1


_carrier = _Carrier()


def fragment(part: Rendered) -> str:
    """Return what a cell shows: the view, and the bundle if no other cell of the notebook holds it."""
    shown = render(
        "fragment",
        prefix=part.components[0][0].rpartition("-")[0] if part.components else "none",
        part=part,
        style=style(),
        bundle=bundle() if part.components and _holds_bundle() else None,
    )
    return str(shown.html)


def _holds_bundle() -> bool:
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None or "google.colab" in sys.modules:  # each output of Colab is a page of its own
        return True
    run = shell.execution_count
    header = getattr(shell, "parent_header", None) or {}
    # the front end's name of the cell, where it tells it
    cell = str(header.get("metadata", {}).get("cellId") or f"run {run}")
    holds = _carrier.cell is None or (_carrier.cell == cell and _carrier.run != run)
    if holds:
        _carrier.cell, _carrier.run = cell, run
    return holds
