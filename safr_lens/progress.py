"""Progress bars on standard error, of one form everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from safr_lens.launch import speaks
from safr_lens.visible import visible


def progress_bar(*columns: ProgressColumn, shown: bool) -> Progress:
    """Return a bar that goes away at its end, with what is going on ahead of it and ``columns`` behind it."""
    ahead = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24)
    console = Console(stderr=True, quiet=not shown)
    drawn = console.is_terminal or console.is_jupyter  # elsewhere each bar would leave an empty line
    return Progress(*ahead, *columns, console=console, transient=True, disable=not drawn)


def stages(title: str, *, shown: bool) -> Callable[[str], AbstractContextManager[Callable[[int, int], None]]]:
    """Return what :func:`safr_lens.analysis.analyze` takes as ``stages``: a progress bar on standard error."""

    @contextmanager
    def stage(name: str) -> Iterator[Callable[[int, int], None]]:
        with progress_bar(TaskProgressColumn(), TimeRemainingColumn(), shown=shown and speaks()) as bar:
            task = bar.add_task(escape(visible(f"{title}  {name}")), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    return stage
