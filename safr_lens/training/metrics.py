"""What is recorded of a finished training."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from safr_lens.data.dataset import TextData
from safr_lens.data.unknown import corpus_warning
from safr_lens.measures.predictions import evaluate, majority_share
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
    warnings: list[str],
) -> dict[str, Any]:
    """Measure a trained classifier, which has its best weights, on its test split.

    The MLPs of ``layers`` are ablated for the reliance; a warning of the test split's unknown tokens joins the others.
    """
    test = evaluate(model, data["test"])
    best = max((record for record in records if record.best), key=lambda record: record.epoch)
    return {
        "test": dataclasses.asdict(test) | {"majority_class": majority_share(row["label"] for row in data["test"])},
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


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
