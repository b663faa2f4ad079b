"""``safr-lens train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from safr_lens.cli import options
from safr_lens.cli.guard import guarded
from safr_lens.cli.output import points, print_json, print_table, say

NOT_SETTINGS = ("out", "config", "resume", "overwrite", "quiet", "as_json")


@guarded
def train(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Option(help="rotten_tomatoes, imdb, a Hub id (org/name), a csv/tsv/jsonl/parquet file, or a folder."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write the run to.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="YAML or JSON file with settings; options given here win over it.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Settings under a name: light, strong, attention, release; options given here win over it."),
    ] = None,
    site: Annotated[
        str | None,
        typer.Option(help="Where the penalty acts: neurons, embedding (the authors' release), or none."),
    ] = None,
    importance_weight: Annotated[
        float | None, typer.Option(help="Important tokens get neurons of their own (default 2).")
    ] = None,
    interaction_weight: Annotated[
        float | None, typer.Option(help="Correlated important pairs share neurons (default 1).")
    ] = None,
    information_weight: Annotated[
        float | None, typer.Option(help="Keeps VMASK's importance informative (default: annealed).")
    ] = None,
    pairs: Annotated[
        str | None, typer.Option(help="Which pairs are correlated: words (their vectors, default), or attention.")
    ] = None,
    scope: Annotated[str | None, typer.Option(help="Pairs across a batch (default), or within each text.")] = None,
    counted_pairs: Annotated[
        str | None, typer.Option(help="Each pair of words counts once (words, default), or each pair of tokens.")
    ] = None,
    gates: Annotated[
        str | None, typer.Option(help="SAFR teaches neurons alone (apart, default), or VMASK too: shared.")
    ] = None,
    l1_ratio: Annotated[
        float | None,
        typer.Option(help="Sparsity part of the importance term: fewer active neurons a token (default 0)."),
    ] = None,
    l1_weight: Annotated[
        float | None, typer.Option(help="A baseline: L1 on the neurons' activations (default 0).")
    ] = None,
    mono_weight: Annotated[
        float | None, typer.Option(help="A baseline: the monosemanticity score as a loss (default 0).")
    ] = None,
    act_fn: Annotated[
        str | None, typer.Option(help="Of the MLP: relu (default), solu_ln (a baseline), gelu, gelu_new or silu.")
    ] = None,
    embedding_start: Annotated[
        str | None, typer.Option(help="Where the embedding starts: random (default), or words (their vectors).")
    ] = None,
    word_vectors: options.WordVectors = None,
    word_vectors_from: Annotated[
        str | None, typer.Option(help="Or data whose training split gives them; by default that of --data.")
    ] = None,
    readout: Annotated[
        str | None, typer.Option(help="neurons: the class is read from the last MLP alone; residual: from everything.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="At most so many epochs (default 100; stops early).")] = None,
    seed: Annotated[int | None, typer.Option(help="One seed, one result (default 0).")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Texts a step (default 32).")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Of Adam (default 5e-4).")] = None,
    patience: Annotated[int | None, typer.Option(help="Epochs without improvement before stopping (3).")] = None,
    n_ctx: Annotated[
        int | None, typer.Option("--max-length", help="Longest text in tokens; longer ones are cut (default 128).")
    ] = None,
    test_data: Annotated[
        str | None, typer.Option(help="A file to test on; without it a fifth of the data is held out.")
    ] = None,
    text_column: Annotated[str | None, typer.Option(help="Column of the text, if it is not found by itself.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of the label, if not found by itself.")] = None,
    streaming: Annotated[bool, typer.Option("--streaming", help="Read the data anew each epoch; keep none.")] = False,
    tokenizer: Annotated[str | None, typer.Option(help="word or bpe (default word).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume the unfinished training in --out.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the run in --out.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the metrics as JSON on standard output.")] = False,
) -> None:
    """Train a classifier with SAFR, or with a baseline.

    Writes model.safetensors, config.json, tokenizer.json, metrics.json and history.jsonl to --out. Every setting of
    model, training and penalty can stand in the --config file, under the names used here (with underscores).

    Examples: safr-lens train --data rotten_tomatoes --out runs/safr

    safr-lens train --data rotten_tomatoes --site none --l1-weight 3 --out runs/l1
    """
    from accelerate import PartialState

    from safr_lens.errors import ConfigError
    from safr_lens.settings import make_settings, read_settings
    from safr_lens.workflow import train_run

    # every option but those that say what to do with the run is a setting of the same name
    chosen = {name: value for name, value in context.params.items() if name not in NOT_SETTINGS and value is not False}
    from_file = read_settings(config) if config else {}
    settings = make_settings(from_file | {name: value for name, value in chosen.items() if value is not None})
    if settings.data.data is None:
        raise ConfigError("No data named. Use --data, e.g. --data rotten_tomatoes.")
    if out is None:
        raise ConfigError("No folder named for the run. Use --out, e.g. --out runs/safr.")
    result = train_run(settings, out=out, resume=resume, overwrite=overwrite, progress=not quiet)
    if not PartialState().is_main_process:
        return
    if as_json:
        print_json(result.metrics)
        return
    print_table("Trained", ["measure", "test"], metric_rows(result.metrics))
    say(f'Written to {out}. Next: safr-lens predict {out} "your text"')


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
    if test["n_cut"]:
        rows.append(["texts cut to the context", f"{test['n_cut']:,}"])
    if not reliance["carried"]:
        rows.append(["warning", "the neurons do not carry the decision"])
    return rows
