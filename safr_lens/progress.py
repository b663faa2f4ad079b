"""Progress bars on standard error, of one form everywhere."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn


def progress_bar(*columns: ProgressColumn, shown: bool) -> Progress:
    """Return a bar that goes away at its end, with what is going on ahead of it and ``columns`` behind it."""
    ahead = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24)
    return Progress(*ahead, *columns, console=Console(stderr=True, quiet=not shown), transient=True)
