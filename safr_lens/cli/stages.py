"""What a person sees while a run is measured: the stage, how far it is, time left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.markup import escape
from rich.progress import TaskProgressColumn, TimeRemainingColumn

from safr_lens.launch import speaks
from safr_lens.progress import progress_bar
from safr_lens.visible import visible


def stages(title: str, *, shown: bool) -> Callable[[str], AbstractContextManager[Callable[[int, int], None]]]:
    """Return what :func:`safr_lens.analysis.analyze` takes as ``stages``: a progress bar on standard error."""

    @contextmanager
    def stage(name: str) -> Iterator[Callable[[int, int], None]]:
        with progress_bar(TaskProgressColumn(), TimeRemainingColumn(), shown=shown and speaks()) as bar:
            task = bar.add_task(escape(visible(f"{title}  {name}")), total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    return stage
