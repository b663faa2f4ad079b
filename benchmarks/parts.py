"""The parts of one training step, each timed by itself."""

from __future__ import annotations

import statistics
from typing import Any

import torch
from torch.nn import functional as F

from benchmarks.timing import Times, timed
from benchmarks.trainees import EPOCH, Corpus, make_model
from safr_lens import ModelConfig, SafrPenalty, TrainConfig
from safr_lens.data import Batch, batches
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.vmask import sample_gate
from safr_lens.penalty import TermInputs, TokenWords
from safr_lens.training.averaging import WeightAverage
from safr_lens.training.optimizer import make_optimizer
from safr_lens.training.step import batch_terms, half_of, weighted_sum


def parts(corpus: Corpus, model_config: ModelConfig, config: TrainConfig, *, repeats: int) -> list[dict[str, Any]]:
    """Return one row a part; ``wall_ms`` and ``cpu_ms`` are medians.

    ``backward`` is that of the whole loss; the terms' own rows are forward and backward of one term alone, up to the
    activations that it reads. The sum of the rows is therefore more than a step.
    """
    model = make_model(corpus, model_config).train()
    optimizer, average, penalty = make_optimizer(model, config), WeightAverage(model), SafrPenalty()
    order = torch.Generator().manual_seed(0)
    made = batches(
        corpus.data["train"], model.tokenizer, n_ctx=model_config.n_ctx, batch_size=config.batch_size, generator=order
    )
    found: dict[str, Times] = {}
    warmup = 2
    for i, batch in enumerate(_taken(made, warmup + repeats, found)):
        laps = found if i >= warmup else {}
        _one_by_one(model, batch, corpus, penalty, laps)
        terms: dict[str, torch.Tensor] = {}
        _lap(laps, "forward and terms", lambda b=batch, t=terms: t.update(_terms(model, b, penalty, corpus)))
        _lap(laps, "backward", lambda t=terms: weighted_sum(t, penalty.weights(EPOCH)).backward())
        _lap(laps, "clipping", lambda: torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm))
        _lap(laps, "optimizer", lambda: (optimizer.step(), optimizer.zero_grad()))
        _lap(laps, "average of weights", average.update)
    rows = [{"part": name, **times.row()} for name, times in found.items()]
    rows[0] = {"part": "batching", "wall_ms": 1000 * statistics.mean(found["batching"].wall)}  # by pools: a mean
    return rows


def _taken(made, n: int, found: dict[str, Times]):
    found["batching"] = Times()
    for _ in range(n):
        taken: list[Batch] = []
        timed(lambda taken=taken: taken.extend(b for b in [next(made, None)] if b is not None), found["batching"])
        if not taken:
            return
        yield taken[0]


def _lap(found: dict[str, Times], name: str, act) -> None:
    timed(act, found.setdefault(name, Times()))


def _terms(model: HookedClassifier, batch: Batch, penalty: SafrPenalty, corpus: Corpus) -> dict[str, torch.Tensor]:
    vectors = {"vectors": corpus.vectors, "unit_vectors": corpus.unit_vectors}
    return batch_terms(model, batch, penalty, backbone=model.adapter, **vectors)


def _one_by_one(
    model: HookedClassifier, batch: Batch, corpus: Corpus, penalty: SafrPenalty, laps: dict[str, Times]
) -> None:
    """Time forward pass, VMASK and each term; they leave no gradients behind."""
    capture = penalty.hook_names(model.adapter)
    outputs: list = []
    _lap(laps, "forward", lambda: outputs.append(model(batch.tokens, batch.mask, capture=capture)))
    embed = F.embedding(batch.tokens, model.adapter.embedding)
    _lap(laps, "VMASK", lambda: sample_gate(model.vmask(embed)))
    (output,), last = outputs, model.config.n_layers - 1
    words = TokenWords(batch.tokens, corpus.vectors, corpus.unit_vectors)
    points = {"neurons": model.adapter.neurons(last)}
    inputs = TermInputs(output, points, words, penalty.pairs, half_of(batch.tokens))
    _lap(laps, "drawing and relating tokens", lambda: inputs.compared)
    for term in penalty.active:
        read = output.importance if term.name == "information" else inputs.compared.neurons
        _lap(
            laps,
            term.name,
            lambda term=term, read=read: torch.autograd.grad(term.value(inputs), read, retain_graph=True),
        )
