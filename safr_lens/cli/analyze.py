"""``safr-lens analyze``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.option_groups import grouped
from safr_lens.cli.output import points, print_json, print_table, say, say_data
from safr_lens.launch import speaks
from safr_lens.progress import stages

if TYPE_CHECKING:
    from safr_lens.analysis import Analysis
    from safr_lens.runs.measured_data import MeasuredData

FOLDED = ("measure", "value\n95 % interval", "null", "above null\n95 % interval")


def folded(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return rows of measures with each interval below its value, which 80 columns have room for.

    >>> folded([["capacity", "0.3", "0.2 to 0.4", "", "", "", "0.1"]])
    [['capacity', '0.3\\n0.2 to 0.4', '', '', '0.1']]
    """
    return [
        [title, f"{value}\n{interval}".strip(), null, f"{above}\n{above_interval}".strip(), *rest]
        for title, value, interval, null, above, above_interval, *rest in rows
    ]


@guarded
@grouped
def analyze(
    *,
    run: options.Run,
    data: options.Data = None,
    out: Annotated[Path | None, options.written("Folder for measures.json and neurons.parquet.")] = None,
    split: options.Split = "test",
    layer: options.Layer = -1,
    vectors: options.MeasuringVectors,
    faithfulness_texts: options.FaithfulnessTexts = None,
    at_init: Annotated[
        bool,
        typer.Option(
            "--init/--no-init", help="Also measure the model at random start, but for effects and importance."
        ),
    ] = True,
    seed: options.Seed = 0,
    reading: options.StreamedReading,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an analysis in --out.")] = False,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure a trained run and its neurons: every measure with its confidence interval and null baseline.

    Writes measures.json (all measures) and neurons.parquet (one row per neuron) to --out.

    Example: safr-lens analyze runs/safr --data rotten_tomatoes --out runs/safr/analysis
    """
    from safr_lens import HookedClassifier
    from safr_lens.analysis import NEURONS_FILE, checked_folder
    from safr_lens.processes import on_own_device
    from safr_lens.runs.analyze_run import analyze_run
    from safr_lens.runs.measured_data import measured_data
    from safr_lens.runs.record import run_record

    if out is not None:
        checked_folder(out, overwrite=overwrite)
    model = on_own_device(HookedClassifier.from_pretrained(run))
    runs = [run_record(run)]
    chosen = measured_data(data, split, classes=model.labels, runs=runs, **vars(vectors), **reading.settings())
    analysis = analyze_run(
        model,
        chosen,
        run=run,
        layer=layer,
        at_init=at_init,
        faithfulness_texts=faithfulness_texts,
        seed=seed,
        stages=stages(run, shown=not quiet),
    )
    described = {"run": run, "data": data, **chosen.described, "word_vectors": chosen.vectors_name}
    if out is not None and speaks():
        analysis.save(out, extra=described)
    if as_json:
        print_json(described | analysis.to_dict())
        return
    _show(run, chosen, analysis)
    if out is not None:
        say(f"One row a neuron: {out / NEURONS_FILE}")


def _show(run: str, chosen: MeasuredData, analysis: Analysis) -> None:
    from safr_lens.measures.cells import AT_INIT, measure_rows
    from safr_lens.measures.registry import ARROWS

    facts, rows = analysis.facts, folded(measure_rows(analysis.measurements, analysis.at_init))
    print_table(
        f"{run} on {facts['n_texts']:,} texts of {chosen.name}, {facts['n_tokens']:,} tokens "
        f"({points(facts['unknown_tokens'])} % unknown), layer {facts['layer']}",
        [*FOLDED, AT_INIT] if analysis.at_init else FOLDED,
        rows,
    )
    say(ARROWS)
    say(f"Word vectors of MS and name fidelity: {chosen.vectors_name}.")
    say_data(chosen.label_mapping, chosen.seen, analysis.warnings)
