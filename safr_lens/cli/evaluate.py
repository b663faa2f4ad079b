"""``safr-lens evaluate``."""

from __future__ import annotations

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.option_groups import grouped
from safr_lens.cli.output import print_json, say_data
from safr_lens.cli.train import show_metrics


@guarded
@grouped
def evaluate(
    *,
    run: options.Run,
    data: options.Data = None,
    split: options.Split = "test",
    reading: options.StreamedReading,
    as_json: options.AsJson = False,
) -> None:
    """Measure accuracy, loss and reliance of a trained run on its own test split, or on any data.

    Texts longer than the model's context are truncated; their number is reported.

    Example: safr-lens evaluate runs/safr --data reviews.csv
    """
    from safr_lens import HookedClassifier
    from safr_lens.processes import on_own_device
    from safr_lens.runs.analyze_run import evaluate_run
    from safr_lens.runs.measured_split import measured_split
    from safr_lens.runs.record import run_record
    from safr_lens.runs.seen import seen_warnings

    model = on_own_device(HookedClassifier.from_pretrained(run))
    chosen = measured_split(data, split, classes=model.labels, runs=[run_record(run)], **reading.settings())
    metrics = evaluate_run(model, chosen.rows)
    counts = chosen.seen[run]
    metrics |= {"seen": counts, "warnings": [*seen_warnings(counts), *metrics["warnings"]]}
    if as_json:
        print_json({"run": run, "data": data, **chosen.described, **metrics})
    else:
        show_metrics(f"{run} on {chosen.name}", chosen.split, metrics)
        say_data(chosen.label_mapping, chosen.seen, metrics["warnings"])
