"""A training step and its parts, beside the bare model in plain PyTorch and beside the authors' recipe.

All take the same batches in turn: the bare model (``plain``), ours without a penalty, ours with ``SafrPenalty()``, and
the recipe of the authors' release, which pads every text to the whole context.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.parts import parts
from benchmarks.result import Result
from benchmarks.timing import Times, interleaved
from benchmarks.trainees import Corpus, make_model, our_step, plain_step, release_step, reviews
from safr_lens import ModelConfig, SafrPenalty, TrainConfig


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", default="rotten_tomatoes")
    parser.add_argument("--repeats", type=int, default=40, help="steps that are timed of each kind")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=NUMBER", help="sizes of the model: d_mlp=2048 ..."
    )


def run(options: argparse.Namespace) -> list[Result]:
    sizes = {name: int(value) for name, value in (one.split("=") for one in options.set)}
    corpus, config = reviews(options.data), TrainConfig(batch_size=options.batch_size)
    model_config = ModelConfig(**sizes)
    made = corpus.batches(n_ctx=model_config.n_ctx, batch_size=config.batch_size)
    steps = all_steps(corpus, model_config, config)
    kinds = {name: lambda i, step=step: step(made[i % len(made)]) for name, step in steps.items()}
    times = interleaved(kinds, repeats=options.repeats)
    rows = [{"step": name, **one.row()} for name, one in times.items()]
    ratios = step_ratios(times)
    return [
        Result("A training step", rows, ratios),
        Result("Its parts", parts(corpus, model_config, config, repeats=options.repeats)),
    ]


def all_steps(corpus: Corpus, model_config: ModelConfig, config: TrainConfig) -> dict:
    """Return a step of each kind, of models with the same weights."""
    model = make_model(corpus, model_config)
    first = corpus.batches(n_ctx=model_config.n_ctx, batch_size=config.batch_size)[0]
    plain, release = plain_step(model, first, config), release_step(model, config)
    return {"plain": plain, **our_steps(corpus, model_config, config), "release": release}


def our_steps(corpus: Corpus, model_config: ModelConfig, config: TrainConfig) -> dict[str, Callable]:
    """Return our step without a penalty and with the default one."""
    penalties = {"no penalty": SafrPenalty(site="none"), "SAFR": SafrPenalty()}
    return {
        name: our_step(make_model(corpus, model_config), corpus, penalty, config) for name, penalty in penalties.items()
    }


def step_ratios(times: dict[str, Times]) -> dict[str, dict[str, float]]:
    """Return how the kinds compare, each repetition with the others of the same batch."""
    pairs = {"SAFR / plain": ("SAFR", "plain"), "no penalty / plain": ("no penalty", "plain")}
    ratios = {name: times[one].times(times[two]) for name, (one, two) in pairs.items()}
    without = times["no penalty"].times(times["SAFR"])
    ratios["share of the terms"] = {clock: 1 - share for clock, share in without.items()}
    if "release" in times:  # every step of an epoch counts
        ratios["epoch: release / SAFR"] = {
            clock: sum(getattr(times["release"], clock)) / sum(getattr(times["SAFR"], clock))
            for clock in ("wall", "cpu")
        }
    return ratios
