"""What a person sees while a training runs: terms, validation accuracy, time left."""

from __future__ import annotations

from types import TracebackType

from rich.markup import escape
from rich.progress import MofNCompleteColumn, TextColumn, TimeRemainingColumn

from safr_lens.progress import progress_bar
from safr_lens.training.history import EpochRecord
from safr_lens.visible import visible

WIDE = 120
"""Columns from which the terms of an epoch stand in its line, and not below it."""


class TrainProgress:
    """A progress bar on standard error, and one line an epoch, two where the terminal is narrow.

    The estimate is for the epochs that are still certain or allowed: early stopping may end the training sooner.
    """

    def __init__(self, *, epochs: int, done: int, title: str, shown: bool = True) -> None:
        self.epochs = epochs
        self.done = done
        self.title = escape(visible(title))
        left = TextColumn("at most"), TimeRemainingColumn(), TextColumn("left  {task.fields[terms]}")
        self.bar = progress_bar(MofNCompleteColumn(), *left, shown=shown)
        self.task = self.bar.add_task(self.title, total=None, terms="")

    def __enter__(self) -> TrainProgress:
        self.bar.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bar.stop()

    def step(self, n_steps: int | None, step: int, epoch: int, terms: dict[str, float]) -> None:
        """Show the state after a step; ``n_steps`` an epoch are known from the first epoch on."""
        total = None if n_steps is None else n_steps * (self.epochs - self.done)
        shown = "  ".join(f"{name} {value:.3f}" for name, value in terms.items())
        completed = (n_steps or 0) * (epoch - 1 - self.done) + step
        description = f"{self.title}  epoch {epoch} of at most {self.epochs}"
        self.bar.update(self.task, total=total, completed=completed, description=description, terms=shown)

    def epoch(self, record: EpochRecord) -> None:
        """Print the line of a finished epoch."""
        # information is 0 without VMASK
        terms = "  ".join(f"{name} {value:.3f}" for name, value in record.terms.items() if value)
        mark = "  [green]best so far[/green]" if record.best else ""
        accuracy = f"[bold]validation accuracy {100 * record.validation_accuracy:.1f} %[/bold]"
        line = f"  {self.title}  epoch {record.epoch:>2}  {accuracy}"
        between = "  " if self.bar.console.width >= WIDE else "\n    "
        self.bar.console.print(f"{line}  {record.seconds:.0f} s{mark}{between}{terms}", highlight=False)
