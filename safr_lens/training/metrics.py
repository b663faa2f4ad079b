"""What ``metrics.json`` says of a finished training."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from safr_lens.data.dataset import TextData
from safr_lens.measures.predictions import Evaluation, evaluate, majority_share
from safr_lens.measures.reliance import reliance
from safr_lens.models.classifier import HookedClassifier
from safr_lens.training.history import EpochRecord

PACKAGES = ("safr-lens", "torch", "transformer-lens", "accelerate", "datasets", "tokenizers", "circuitsvis")


def final_metrics(
    model: HookedClassifier,
    data: TextData,
    records: list[EpochRecord],
    settings: dict[str, Any],
    *,
    layers: Iterable[int] | None,
    seconds: float,
    word_vectors: str | None,
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
        "data_notes": list(data.notes),
        "word_vectors": word_vectors,
        "settings": settings,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    }


def as_dict(found: Evaluation) -> dict[str, float | int]:
    """Return an evaluation as JSON holds it."""
    return {"accuracy": found.accuracy, "loss": found.loss, "n": found.n, "n_cut": found.n_cut}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
