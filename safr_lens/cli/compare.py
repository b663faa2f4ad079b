"""``safr-lens compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.option_groups import grouped
from safr_lens.cli.output import points, print_differences, print_json, print_table, say, say_data, say_verdicts
from safr_lens.progress import stages

if TYPE_CHECKING:
    from safr_lens.analysis.comparison import Difference


@guarded
@grouped
def compare(
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN...", help="Trained runs; the first is the baseline.")],
    data: options.Data = None,
    split: options.Split = "test",
    layer: options.Layer = -1,
    vectors: options.MeasuringVectors,
    faithfulness_texts: Annotated[
        int, typer.Option(min=0, help="Texts for the faithfulness of VMASK's importance; 0 to skip.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Random seed of permutations and resamples.")] = 0,
    reading: options.StreamedReading,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Compare runs with the first on the same data: differences with confidence intervals.

    Runs whose settings differ only in the seed are grouped, and the intervals are over seeds. Otherwise they are over
    sentences, and do not account for variation between training runs.

    Example: safr-lens compare demo/unregularised demo/safr --data rotten_tomatoes
    """
    from safr_lens.analysis import compare as compare_groups
    from safr_lens.analysis import to_dict
    from safr_lens.runs.analyze_run import analyze_runs, grouped_runs

    groups = grouped_runs(runs)
    analyses, measured = analyze_runs(
        runs,
        data,
        split,
        **vars(vectors),
        layer=layer,
        faithfulness_texts=faithfulness_texts,
        seed=seed,
        stages=lambda run: stages(run, shown=not quiet),
        reading=reading.settings(),
    )
    differences = compare_groups({name: [analyses[run] for run in members] for name, members in groups.items()})
    if as_json:
        print_json(
            {
                "data": data,
                **measured.described,
                "groups": groups,
                "runs": {run: analysis.to_dict() for run, analysis in analyses.items()},
                "differences": to_dict(differences),
            }
        )
        return
    _show_runs(analyses, measured.name)
    say_data(measured.label_mapping, measured.seen)
    baseline = next(iter(groups))
    for name, rows in differences.items():
        print_differences(name, baseline, rows)
    say_verdicts()
    _explain(next(iter(differences.values())))
    for run, analysis in analyses.items():
        say(*(f"Warning: {run}: {warning}" for warning in analysis.warnings))


def _show_runs(analyses: dict, data: str) -> None:
    from safr_lens.measures.registry import MEASURES

    # the others stand in the table of differences
    with_column = [measure for measure in MEASURES.values() if measure.short]
    shown = [one for one in with_column if all(one.name in analysis.measurements for analysis in analyses.values())]
    rows = [
        [run, *(one.shown(analysis.measurements[one.name].judged.value) for one in shown)]
        for run, analysis in analyses.items()
    ]
    texts = next(iter(analyses.values())).facts["n_texts"]
    print_table(f"On {texts:,} texts of {data}", ["run", *(one.short for one in shown)], rows)
    unknown = (f"{run} {points(analysis.facts['unknown_tokens'])} %" for run, analysis in analyses.items())
    say(f"Unknown tokens: {', '.join(unknown)}.")


def _explain(rows: list[Difference]) -> None:
    if rows[0].over == "seeds":
        say("Intervals are over seeds.")
    else:
        say(
            "Intervals are over sentences, paired. One run each says nothing about other seeds: give several runs of "
            "the same settings for that."
        )
