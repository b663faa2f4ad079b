"""``safr-lens demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.option_groups import grouped
from safr_lens.cli.output import print_differences, print_json, say, say_data, say_verdicts
from safr_lens.progress import stages


@guarded
@grouped
def demo(
    *,
    out: Annotated[Path, options.written("Folder for both runs and report.html.")] = Path("safr-lens-demo"),
    data: Annotated[str, typer.Option(help=f"{options.DATA}.")] = "rotten_tomatoes",
    backbone: options.Backbone = None,
    vectors_folder: options.VectorsFolder = None,
    word_vectors: options.WordVectors = None,
    word_vectors_from: Annotated[
        str | None,
        typer.Option(
            help="Or data whose training split gives them (default imdb; with --backbone its token embeddings)."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Random seed of both classifiers.")] = 0,
    epochs: Annotated[
        int | None,
        typer.Option(help="Maximum number of epochs for each (default 3, with --backbone 12); training stops early."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=50, help="Maximum number of texts per split, for a quick look.")
    ] = None,
    reading: options.Reading,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier demo in --out.")] = False,
    quiet: options.Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measures as JSON on standard output.")] = False,
) -> None:
    """Train a classifier without and with SAFR on real movie reviews, and compare them.

    Takes a few minutes on two CPU cores and no network. Prints what SAFR changed, and writes report.html, which shows
    it sentence by sentence. An interrupted demo resumes when started again.
    """
    from safr_lens.experiments.demo import run_demo

    result = run_demo(
        out,
        data=data,
        backbone=backbone,
        vectors_folder=vectors_folder,
        word_vectors=word_vectors,
        word_vectors_from=word_vectors_from,
        seed=seed,
        epochs=epochs,
        limit=limit,
        overwrite=overwrite,
        progress=not quiet,
        stages=lambda name: stages(name, shown=not quiet),
        **reading.settings(),
    )
    if as_json:
        print_json(result.to_dict())
        return
    [(name, differences)] = result.differences.items()
    print_differences(name, next(iter(result.runs)), differences)
    say_verdicts()
    say("Intervals are over sentences, paired: one seed each, so another training may differ by more.")
    say_data(result.label_mapping, warnings=result.warnings)
    say(f"Open {result.report} to see it sentence by sentence.")
