"""``safr-lens train``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.labels import say_labels
from safr_lens.cli.output import points, print_json, print_table, say
from safr_lens.cli.settings import named_settings
from safr_lens.data.sources import quoted
from safr_lens.launch import speaks


@guarded
def train(
    context: typer.Context,
    data: options.TrainingData = None,
    out: Annotated[
        Path | None, typer.Option(parser=options.place, metavar="PATH", help="Output folder of the run.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML or JSON file with settings; command-line options override it.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            help="Named settings: light, strong, pretrained, sparse, attention or release; options override them."
        ),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(help="Where the penalty is applied: neurons, embedding (the authors' release), or none."),
    ] = None,
    importance_weight: Annotated[
        float | None,
        typer.Option(
            help="Weight of the importance term: separate neurons for important tokens (default 2, with --backbone 20)."
        ),
    ] = None,
    interaction_weight: Annotated[
        float | None,
        typer.Option(
            help="Weight of the interaction term: shared neurons for correlated pairs (default 1, with --backbone 10)."
        ),
    ] = None,
    information_weight: Annotated[
        float | None,
        typer.Option(help="Weight of VMASK's information term (default: 1, then 0.1; none without VMASK)."),
    ] = None,
    pairs: Annotated[
        str | None, typer.Option(help="Which pairs are correlated: words (similar word vectors, default) or attention.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="Compare tokens across the batch (default) or within each text.")
    ] = None,
    counted_pairs: Annotated[
        str | None, typer.Option(help="Count each pair of words once (words, default) or each pair of tokens (tokens).")
    ] = None,
    overlap_of: Annotated[
        str | None,
        typer.Option(
            help="What tokens share: activations (default), or evidence (activations times effect on the class)."
        ),
    ] = None,
    gates: Annotated[
        str | None,
        typer.Option(help="apart: SAFR does not train VMASK, where there is one (default); shared: it does."),
    ] = None,
    l1_ratio: Annotated[
        float | None,
        typer.Option(help="Weight of the sparsity part within the importance term (default 0)."),
    ] = None,
    l1_weight: Annotated[
        float | None, typer.Option(help="Baseline: weight of an L1 penalty on the activations (default 0).")
    ] = None,
    mono_weight: Annotated[
        float | None, typer.Option(help="Baseline: weight of the monosemanticity score as a loss (default 0).")
    ] = None,
    act_fn: Annotated[
        str | None,
        typer.Option(
            help="MLP activation: relu (default), topk (only the k largest neurons of a token), batch_topk (k on "
            "average), solu_ln (baseline), gelu, gelu_new or silu; with --backbone relu, topk or batch_topk."
        ),
    ] = None,
    k: Annotated[int | None, typer.Option("--k", help="Neurons that a token keeps, with topk and batch_topk.")] = None,
    k_epochs: Annotated[
        float | None,
        typer.Option("--k-epochs", help="Epochs over which k falls from all neurons to its value (default 0)."),
    ] = None,
    embedding_start: Annotated[
        str | None, typer.Option(help="Initialisation of the embedding: random (default) or words (word vectors).")
    ] = None,
    word_vectors: options.WordVectors = None,
    word_vectors_from: options.TrainingWordVectorsFrom = None,
    backbone: options.Backbone = None,
    freeze: options.Freeze = None,
    vectors_folder: options.VectorsFolder = None,
    readout: options.Readout = None,
    pooling: options.Pooling = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Maximum number of epochs; stops early (default 100, with --backbone 20, or 3 if not all is frozen)."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed (default 0).")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Texts per step (default 32).")] = None,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Learning rate of Adam (default 5e-4, with --backbone 1e-3, and 5e-5 for what of it is not frozen)."
        ),
    ] = None,
    patience: Annotated[
        int | None, typer.Option(help="Epochs without improvement before stopping (default 3).")
    ] = None,
    n_ctx: Annotated[
        int | None,
        typer.Option(
            "--max-length",
            help="Maximum text length in tokens; longer texts are truncated (default 128, or what the encoder reads).",
        ),
    ] = None,
    test_data: Annotated[
        str | None, typer.Option(help="Test data file; by default a fifth of the data is held out.")
    ] = None,
    labels: options.Labels = None,
    text_column: options.TextColumn = None,
    label_column: options.LabelColumn = None,
    header: options.Header = None,
    encoding: options.Encoding = None,
    streaming: Annotated[
        bool, typer.Option("--streaming", help="Read the data again each epoch instead of holding it in memory.")
    ] = False,
    tokenizer: Annotated[str | None, typer.Option(help="Tokenizer: word or bpe (default word).")] = None,
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
        settings, out=out, vectors_folder=vectors_folder, resume=resume, overwrite=overwrite, progress=not quiet
    )
    if as_json:
        print_json(result.metrics)
        return
    print_table("Trained", ["measure", "test"], metric_rows(result.metrics))
    say_labels(merged(result.metrics["label_mapping"]))
    say(*(f"Warning: {warning}" for warning in result.metrics["warnings"]))
    say(f'Written to {out}. Next: safr-lens predict {quoted(out)} "your text"')


def metric_rows(metrics: dict[str, Any]) -> list[list[str]]:
    """Return the rows that people want to see of ``metrics.json``."""
    test, reliance = metrics["test"], metrics["reliance"]
    rows = [
        ["accuracy, %", points(test["accuracy"])],
        ["loss, nats", f"{test['loss']:.3f}"],
        ["texts", f"{test['n']:,}"],
        ["reliance: points lost, MLP set to 0", points(reliance["zero"]["accuracy_lost"])],
        ["reliance: points lost, MLP set to its mean", points(reliance["mean"]["accuracy_lost"])],
    ]
    if "majority_class" in test:
        rows.insert(1, ["(always the largest class, %)", points(test["majority_class"])])
    if "best_epoch" in metrics:
        rows.append(["best epoch, of", f"{metrics['best_epoch']}, {metrics['epochs']}"])
    if "unknown_tokens" in test:
        rows.append(["unknown tokens, %", points(test["unknown_tokens"])])
    if test["n_cut"]:
        rows.append(["texts cut to the context", f"{test['n_cut']:,}"])
    if not reliance["carried"]:
        rows.append(["warning", "the neurons do not carry the decision"])
    return rows
