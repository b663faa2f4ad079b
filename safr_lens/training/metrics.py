"""What is recorded of a training: its settings, which say whether two are the same, and its final metrics."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from safr_lens.data.dataset import TextData
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.data.unknown import corpus_warning
from safr_lens.measures.predictions import Evaluation, evaluate, majority_share
from safr_lens.measures.reliance import reliance
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.config import ModelConfig
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.training.config import TrainConfig
from safr_lens.training.history import EpochRecord

PACKAGES = ("safr-lens", "torch", "transformer-lens", "accelerate", "datasets", "tokenizers", "circuitsvis")


def describe(
    model: ModelConfig,
    data: TextData,
    train: TrainConfig,
    penalty: SafrPenalty,
    word_vectors: str | None = None,
    tokenizer: TextTokenizer | None = None,
) -> dict[str, Any]:
    """Return the settings of a training as JSON holds them; word vectors and tokenizer by their checksums."""
    rows = {} if data.streaming else {name: len(split) for name, split in data.items()}
    described = {
        "model": dataclasses.asdict(model),
        "train": dataclasses.asdict(train),
        "penalty": penalty.to_dict(),
        "data": {"source": data.source, "rows": rows},
    }
    described["data"] |= {name: (data.origin or {}).get(name) for name in ("text_column", "label_column")}
    if tokenizer is not None:
        sha = hashlib.sha256(tokenizer.tokenizer.to_str().encode()).hexdigest()
        described["data"]["tokenizer"] = f"{tokenizer.d_vocab:,} token ids, sha256 {sha[:16]}"
    if word_vectors is not None:
        described["data"]["word_vectors"] = word_vectors
    return json.loads(json.dumps(described))


def final_metrics(
    model: HookedClassifier,
    data: TextData,
    records: list[EpochRecord],
    settings: dict[str, Any],
    *,
    layers: Iterable[int] | None,
    seconds: float,
    word_vectors: str | None,
    warnings: list[str],
) -> dict[str, Any]:
    """Measure a trained classifier on its test split.

    Args:
        model: with its best weights.
        data: its splits.
        records: one an epoch.
        settings: of model, training and penalty.
        layers: whose MLPs are ablated for the reliance.
        seconds: how long the training took.
        word_vectors: where those that it used come from, if it used any.
        warnings: what to know before the metrics are believed; that of the test split's unknown tokens joins them.
    """
    test = evaluate(model, data["test"])
    best = max((record for record in records if record.best), key=lambda record: record.epoch)
    return {
        "test": as_dict(test) | {"majority_class": majority_share(row["label"] for row in data["test"])},
        "validation": {"accuracy": best.validation_accuracy, "loss": best.validation_loss},
        "reliance": reliance(model, data["test"], layers=layers, intact=test).to_dict(),
        "epochs": len(records),
        "best_epoch": best.epoch,
        "seed": settings["train"]["seed"],
        "seconds": round(seconds, 1),
        "labels": list(model.labels),
        "label_mapping": {split: dict(mapping) for split, mapping in data.label_mapping.items()},
        "data_notes": list(data.notes),
        "data_rows": {split: dataclasses.asdict(count) for split, count in data.rows.items()},
        "data_origin": data.origin,
        "warnings": [*warnings, *filter(None, [corpus_warning(test.unknown_tokens)])],
        "word_vectors": word_vectors,
        "compared_pairs": None if model.compared is None else model.compared.to_dict(),
        "settings": settings,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    }


def as_dict(evaluation: Evaluation) -> dict[str, float | int]:
    """Return an evaluation as JSON holds it."""
    return dataclasses.asdict(evaluation)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
