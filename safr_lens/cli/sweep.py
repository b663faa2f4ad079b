"""``safr-lens sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.option_groups import grouped
from safr_lens.cli.output import points, print_json, print_table, say, say_data
from safr_lens.cli.settings import named_settings
from safr_lens.visible import shown

COLUMNS = (
    "strength",
    "accuracy, %",
    "points lost",
    "reliance, points",
    "capacity",
    "token sel. above null",
    "active per token",
    "silent, %",
)


@guarded
@grouped
def sweep(
    *,
    context: typer.Context,
    data: options.TrainingData = None,
    out: Annotated[Path | None, options.written("Folder for the runs and sweep.json.")] = None,
    budget: Annotated[float, typer.Option(min=0, help="Points of validation accuracy that may be lost.")] = 0.5,
    strengths: Annotated[
        str, typer.Option(help="Multiples of the importance and interaction weights.")
    ] = "0.25,0.5,1,2,4",
    seeds: Annotated[str, typer.Option(help="Random seeds; several, as in 0,1,2, show the variation.")] = "0",
    config: Annotated[
        Path | None, typer.Option(help="YAML or JSON file with settings, as for safr-lens train.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Preset whose weights are multiplied: light, strong, pretrained, sparse or another."),
    ] = None,
    encoder: options.Encoder,
    word_vectors: options.WordVectors = None,
    word_vectors_from: options.TrainingWordVectorsFrom = None,
    epochs: Annotated[int | None, typer.Option(help="Maximum number of epochs for each run.")] = None,
    reading: options.Reading,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the runs in --out.")] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Find the strongest SAFR within an accuracy budget, on the validation split.

    Trains the unregularised classifier and one per strength, for each seed. An interrupted sweep resumes when started
    again.

    Examples: safr-lens sweep --data rotten_tomatoes --budget 0.5 --seeds 0,1 --out runs/sweep

    safr-lens sweep --data rotten_tomatoes --backbone path/to/encoder --out runs/head-sweep
    """
    from safr_lens.errors import ConfigError
    from safr_lens.experiments.sweep import sweep as run_sweep

    settings = named_settings(context)
    if out is None:
        raise ConfigError("No folder named for the runs. Use --out, e.g. --out runs/sweep.")
    result = run_sweep(
        settings,
        out=out,
        strengths=_numbers("strengths", strengths, float),
        budget=budget / 100,
        seeds=_numbers("seeds", seeds, int),
        vectors_folder=encoder.vectors_folder,
        overwrite=overwrite,
        progress=not quiet,
    )
    if as_json:
        print_json(result.to_dict())
        return
    rows = [_row(step, chosen=step == result.chosen) for step in result.steps]
    seeds = f"means over {len(result.seeds)} seeds" if len(result.seeds) > 1 else "one seed"
    print_table(f"On the validation split, {seeds}", COLUMNS, rows)
    say_data(result.label_mapping)
    if result.chosen is None:
        say(f"Every strength costs more than {budget:g} points. Try weaker ones, or a larger --budget.")
    else:
        say(f"The strongest within {budget:g} points: {', '.join(result.chosen.runs)}")


def _row(step: Any, *, chosen: bool) -> list[str]:
    name = "unregularised" if step.strength == 0 else f"{step.strength:g}"
    return [
        f"{name} ←" if chosen else name,
        points(step.accuracy),
        points(step.lost),
        points(step.reliance),
        f"{step.mean('capacity'):.3f}",
        f"{step.mean('token_selectivity'):.3f}",
        f"{step.mean('active_per_token'):.0f}",
        points(step.mean("silent_tokens")),
    ]


def _numbers(name: str, text: str, kind: type) -> list[Any]:
    from safr_lens.errors import ConfigError

    try:
        return [kind(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise ConfigError(f"--{name} is a list of numbers such as 0,1,2; got {shown(text)}.") from None
