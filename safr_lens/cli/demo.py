"""``safr-lens demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from safr_lens.cli.guard import guarded
from safr_lens.cli.output import print_json, print_table, say


@guarded
def demo(
    out: Annotated[Path, typer.Option(help="Folder for both runs and report.html.")] = Path("safr-lens-demo"),
    data: Annotated[str, typer.Option(help="As for safr-lens train; by default the packaged reviews.")] = (
        "rotten_tomatoes"
    ),
    seed: Annotated[int, typer.Option(help="Of both classifiers.")] = 0,
    epochs: Annotated[int, typer.Option(help="At most so many for each; training stops early.")] = 12,
    limit: Annotated[int | None, typer.Option(min=50, help="Only so many texts a split, for a quick look.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier demo in --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON on standard output.")] = False,
) -> None:
    """Train a classifier without and with SAFR on real movie reviews, and compare them.

    Takes a few minutes on two CPU cores and no network. Prints what SAFR changed, and writes report.html, which shows
    it sentence by sentence. Interrupted, it goes on where it stopped when started again.
    """
    from safr_lens.demo import run_demo

    result = run_demo(out, data=data, seed=seed, epochs=epochs, limit=limit, overwrite=overwrite, progress=not quiet)
    if as_json:
        from dataclasses import asdict

        print_json(
            {
                "report": str(result.report),
                "warnings": result.warnings,
                "models": {m.name: {"metrics": m.metrics, "neurons": asdict(m.neurons)} for m in result.measured},
            }
        )
        return
    names = [model.name for model in result.measured]
    print_table(
        "What SAFR changed, on held-out reviews",
        ["measure", *names, "change"],
        [[row.name, *row.values, row.change] for row in result.rows],
    )
    say(*(f"Mind: {warning}" for warning in result.warnings))
    say(f"Open {result.report} to see it sentence by sentence.")
