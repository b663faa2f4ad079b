"""Views in notebooks: the script bundle once a notebook, however many views it shows."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from safr_lens.views.rendering import Rendered, bundle, render, style


@dataclass
class _Carrier:
    """The cell whose output holds the bundle, if there is one, and the shell that tells when cells run."""

    cell: str | None = None
    shell: Any = None


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
    if _carrier.shell is not shell:
        _carrier.shell, _carrier.cell = shell, None
        shell.events.register("pre_run_cell", _before_cell)
    if _carrier.cell is not None:
        return False
    _carrier.cell = _cell(shell)
    return True


def _before_cell(info: Any) -> None:
    """Forget the cell that held the bundle when its output goes: it runs again, or it was deleted."""
    gone = [_cell(_carrier.shell), *_told(_carrier.shell).get("deletedCells", [])]
    if _carrier.cell in gone:
        _carrier.cell = None


def _cell(shell: Any) -> str:
    # the front end's name of the cell, where it tells it
    return str(_told(shell).get("cellId") or f"run {shell.execution_count}")


def _told(shell: Any) -> dict[str, Any]:
    return (getattr(shell, "parent_header", None) or {}).get("metadata", {})
