"""``safr-lens train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.option_groups import grouped
from safr_lens.cli.output import points, print_json, print_table, say, say_data
from safr_lens.cli.settings import named_settings
from safr_lens.cli.train_options import Model, Penalty, Training
from safr_lens.data.sources import quoted
from safr_lens.launch import speaks


@guarded
@grouped
def train(
    *,
    context: typer.Context,
    data: options.TrainingData = None,
    out: Annotated[Path | None, options.written("Output folder of the run.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML or JSON file with settings; command-line options override it.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Named settings: light, strong, faithful, pretrained, sparse, attention or release; options override "
            "them."
        ),
    ] = None,
    penalty: Penalty,
    model: Model,
    encoder: options.Encoder,
    training: Training,
    word_vectors: options.WordVectors = None,
    word_vectors_from: options.TrainingWordVectorsFrom = None,
    test_data: Annotated[
        str | None, typer.Option(help="Test data file; by default a fifth of the data is held out.")
    ] = None,
    reading: options.StreamedReading,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the unfinished training in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    quiet: options.Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON on standard output.")] = False,
) -> None:
    """Train a classifier with SAFR, or with a baseline.

    Writes model.safetensors, config.json, tokenizer.json, compared_pairs.safetensors, rows.parquet, metrics.json,
    history.jsonl and manifest.json to --out. The --config file may contain any setting of model, training and
    penalty, named as here (with underscores).

    Examples: safr-lens train --data rotten_tomatoes --out runs/safr

    safr-lens train --data rotten_tomatoes --site none --l1-weight 3 --out runs/l1

    safr-lens train --data rotten_tomatoes --backbone path/to/encoder --out runs/head
    """
    from safr_lens.data.label_mapping import merged
    from safr_lens.errors import ConfigError
    from safr_lens.runs.train_run import train_run
    from safr_lens.training.run_folder import METRICS, is_unfinished

    settings = named_settings(context)
    if out is None:
        raise ConfigError("No folder named for the run. Use --out, e.g. --out runs/safr.")
    if resume and speaks() and not (is_unfinished(out) or (out / METRICS).exists()):
        print(f"{out} holds no unfinished training; this one starts anew.", file=sys.stderr)
    result = train_run(
        settings, out=out, vectors_folder=encoder.vectors_folder, resume=resume, overwrite=overwrite, progress=not quiet
    )
    if as_json:
        print_json(result.metrics)
        return
    show_metrics("Trained", "test", result.metrics)
    say_data(merged(result.metrics["label_mapping"]), warnings=result.metrics["warnings"])
    say(f'Written to {out}. Next: safr-lens predict {quoted(out)} "your text"')
    say(f"Its neurons and measures on one page: safr-lens report {quoted(out)} --out {quoted(out / 'report.html')}")


def show_metrics(title: str, split: str, metrics: dict[str, Any]) -> None:
    """Print what people want to see of ``metrics.json``."""
    print_table(title, ["measure", split], metric_rows(metrics))
    say("Reliance is the accuracy lost without the neurons: the more, the more of the decision they carry.")


def metric_rows(metrics: dict[str, Any]) -> list[list[str]]:
    """Return the rows that people want to see of ``metrics.json``."""
    test, reliance = metrics["test"], metrics["reliance"]
    rows = [
        ["accuracy, %", points(test["accuracy"])],
        ["loss, nats (lower is better)", f"{test['loss']:.3f}"],
        ["texts", f"{test['n']:,}"],
        ["reliance: points lost, MLP set to 0", points(reliance["zero"]["accuracy_lost"])],
        ["reliance: points lost, MLP set to its mean", points(reliance["mean"]["accuracy_lost"])],
    ]
    if "majority_class" in test:
        rows.insert(1, ["(always the largest class, %)", points(test["majority_class"])])
    if "best_epoch" in metrics:
        rows.append(["best epoch", f"{metrics['best_epoch']} of {metrics['epochs']}"])
    if "unknown_tokens" in test:
        rows.append(["unknown tokens, %", points(test["unknown_tokens"])])
    if test["n_cut"]:
        rows.append(["texts cut to the context", f"{test['n_cut']:,}"])
    if not reliance["carried"]:
        rows.append(["warning", "the neurons do not carry the decision"])
    return rows
