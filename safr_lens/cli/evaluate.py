"""``safr-lens evaluate``."""

from __future__ import annotations

from typing import Annotated

import typer

from safr_lens.cli.guard import guarded
from safr_lens.cli.output import print_json, print_table
from safr_lens.cli.train import metric_rows


@guarded
def evaluate(
    run: Annotated[str, typer.Argument(help="Folder of a trained run, or a Hub id.")],
    data: Annotated[
        str, typer.Option(help="rotten_tomatoes, imdb, a Hub id, a csv/tsv/jsonl/parquet file, or a folder.")
    ],
    split: Annotated[str, typer.Option(help="Which split; a single file is used whole.")] = "test",
    text_column: Annotated[str | None, typer.Option(help="Column of the text, if not found by itself.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of the label, if not found by itself.")] = None,
    streaming: Annotated[bool, typer.Option("--streaming", help="Do not keep the data in memory.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False,
) -> None:
    """Measure accuracy, loss and reliance of a trained run on any data.

    Texts longer than the model's context are cut, and the result says how many were.

    Example: safr-lens evaluate runs/safr --data reviews.csv
    """
    from safr_lens import HookedClassifier
    from safr_lens.workflow import evaluate_run, held_out_split

    model = HookedClassifier.from_pretrained(run)
    chosen = held_out_split(
        data, split, labels=model.labels, text_column=text_column, label_column=label_column, streaming=streaming
    )
    found = evaluate_run(model, chosen)
    if as_json:
        print_json({"run": run, "data": data, "split": split, **found})
    else:
        print_table(f"{run} on {data}", ["measure", split], metric_rows(found))
