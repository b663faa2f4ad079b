"""How the cost of a training step grows with the length of texts, the sizes of the model, the batch and the vocabulary.

Texts are made up, with the frequencies of words in a language. One size is varied at a time; each row has the time of
a step of the bare model in plain PyTorch, of ours without a penalty and with ``SafrPenalty()``, in milliseconds on the
processors, and the largest sum of tensors during the latter two. Below stand slopes on logarithmic scales: 1 means in
proportion, 2 with the square. ``--set`` fixes what is not varied:
``--set length=512 d_model=768 n_heads=12 --vary d_mlp``.
"""

from __future__ import annotations

import argparse
from typing import Any

from benchmarks.memory import peak_tensor_mib
from benchmarks.result import Result
from benchmarks.step import our_steps
from benchmarks.timing import interleaved, slope
from benchmarks.trainees import make_model, plain_step, synthetic
from safr_lens import ModelConfig, TrainConfig

FIXED = {"length": 32, "d_mlp": 1024, "n_layers": 1, "batch_size": 32, "vocabulary": 8000, "d_model": 256, "n_heads": 8}
VARIED = {
    "length": (16, 64, 256, 512),
    "d_mlp": (512, 2048, 8192),
    "n_layers": (1, 3, 6, 12),
    "batch_size": (8, 32, 128, 256),
    "vocabulary": (8000, 30_000, 100_000),
}
COSTS = ("plain", "no penalty", "SAFR", "MiB without", "MiB with")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vary", nargs="*", default=list(VARIED), choices=list(VARIED), metavar="SIZE")
    parser.add_argument("--values", nargs="*", type=int, help="of the one size that is varied")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=NUMBER", help=f"of {', '.join(FIXED)}")
    parser.add_argument("--repeats", type=int, default=5)


def run(options: argparse.Namespace) -> list[Result]:
    fixed = FIXED | {name: int(value) for name, value in (one.split("=") for one in options.set)}
    results = []
    for name in options.vary:
        values = options.values or VARIED[name]
        rows = [{name: value, **cost(fixed | {name: value}, repeats=options.repeats)} for value in values]
        slopes = {what: slope(list(values), [row[what] for row in rows]) for what in COSTS} if len(values) > 1 else {}
        results.append(Result(f"A step by {name}", rows, {"slope": slopes} if slopes else {}))
    return results


def cost(sizes: dict[str, int], *, repeats: int) -> dict[str, Any]:
    """Return time, share of the terms and memory of a step."""
    length, vocabulary, batch_size = (sizes[name] for name in ("length", "vocabulary", "batch_size"))
    corpus = synthetic(length=length, vocabulary=vocabulary, n_texts=3 * batch_size)
    shape = {name: sizes[name] for name in ("d_mlp", "n_layers", "d_model", "n_heads")}
    model_config, config = ModelConfig(n_ctx=max(length, 128), **shape), TrainConfig(batch_size=batch_size)
    made = corpus.batches(n_ctx=model_config.n_ctx, batch_size=batch_size)
    steps = {"plain": plain_step(make_model(corpus, model_config), made[0], config)}
    steps |= our_steps(corpus, model_config, config)
    kinds = {name: lambda i, step=step: step(made[i % len(made)]) for name, step in steps.items()}
    times = interleaved(kinds, repeats=repeats, warmup=1)
    row: dict[str, Any] = {name: one.row()["cpu_ms"] for name, one in times.items()}
    row["terms %"] = 100 * (1 - times["no penalty"].times(times["SAFR"])["cpu"])
    for kind, name in (("no penalty", "MiB without"), ("SAFR", "MiB with")):
        row[name] = peak_tensor_mib(lambda kind=kind: steps[kind](made[0]))
    return row | {"memory ratio": row["MiB with"] / row["MiB without"]}
