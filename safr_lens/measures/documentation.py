"""The table of measures in the documentation, made from the registry.

``python -m safr_lens.measures.documentation docs/measures.md`` fills it anew.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from safr_lens.atomic import write_text
from safr_lens.measures.registry import MEASURES

MARKED = re.compile(r"(?<=<!-- measures -->\n).*?(?=<!-- end -->)", re.DOTALL)
HEADINGS = ("measure", "range", "better", "null baseline or value at chance", "95 % interval", "degenerate solution")


def measures_table() -> str:
    """Return one row per measure as a table in Markdown."""
    rows = [HEADINGS, ["---"] * len(HEADINGS)]
    for one in MEASURES.values():
        rows.append([f"`{one.name}`", one.range, one.better, one.null, one.interval or "none", one.caution])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def filled(page: str) -> str:
    """Return a page with the table between ``<!-- measures -->`` and ``<!-- end -->``."""
    return MARKED.sub(lambda match: measures_table(), page)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    write_text(path, filled(path.read_text(encoding="utf-8")))
