"""The command ``safr-lens``."""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from safr_lens.cli.analyze import analyze
from safr_lens.cli.compare import compare
from safr_lens.cli.demo import demo
from safr_lens.cli.evaluate import evaluate
from safr_lens.cli.guard import GuardedGroup
from safr_lens.cli.labels import LabelsCommand
from safr_lens.cli.predict import predict
from safr_lens.cli.push import push
from safr_lens.cli.report import report
from safr_lens.cli.sweep import sweep
from safr_lens.cli.train import train

ABOUT = (
    "Train text classifiers whose neurons can be read. SAFR is a penalty that gives important tokens neurons of their "
    "own; each command shows what it changes, and what it costs. Start with: safr-lens demo"
)
app = typer.Typer(
    name="safr-lens",
    cls=GuardedGroup,
    help=ABOUT,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _paragraphs(command: Callable[..., None]) -> str:
    """Return what a command says of itself, with line ends between paragraphs alone: a terminal breaks lines itself."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.getdoc(command).split("\n\n"))  # type: ignore[union-attr]


for command in (demo, train, evaluate, predict, analyze, compare, report, sweep, push):
    app.command(cls=LabelsCommand, help=_paragraphs(command))(command)


def _version(asked: bool) -> None:
    if asked:
        from safr_lens import __version__

        typer.echo(f"safr-lens {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train text classifiers whose neurons can be read."""


def main() -> None:
    """Run the command line; what a console cannot show is written as an escape sequence there."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app()
