"""``safr-lens evaluate``."""

from __future__ import annotations

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.labels import say_labels, stated
from safr_lens.cli.output import print_json, print_table, say
from safr_lens.cli.train import metric_rows


@guarded
def evaluate(
    run: options.Run,
    data: options.Data,
    split: options.Split = "test",
    labels: options.Labels = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    header: options.Header = None,
    encoding: options.Encoding = None,
    streaming: options.Streaming = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure accuracy, loss and reliance of a trained run on any data.

    Texts longer than the model's context are truncated; their number is reported.

    Example: safr-lens evaluate runs/safr --data reviews.csv
    """
    from safr_lens import HookedClassifier
    from safr_lens.runs.analyze_run import evaluate_run
    from safr_lens.runs.measured_data import held_out_split

    model = HookedClassifier.from_pretrained(run)
    chosen, mapping = held_out_split(
        data,
        split,
        classes=model.labels,
        labels=stated(labels),
        text_column=text_column,
        label_column=label_column,
        header=header,
        encoding=encoding,
        streaming=streaming,
    )
    metrics = evaluate_run(model, chosen)
    if as_json:
        print_json({"run": run, "data": data, "split": split, "label_mapping": mapping, **metrics})
    else:
        print_table(f"{run} on {data}", ["measure", split], metric_rows(metrics))
        say_labels(mapping)
        say(*(f"Warning: {warning}" for warning in metrics["warnings"]))
