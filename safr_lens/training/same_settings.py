"""The settings that make two trainings the same training."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from safr_lens.data.dataset import TextData
from safr_lens.errors import CheckpointError
from safr_lens.models.config import ModelConfig
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.training.config import TrainConfig


def describe(
    model: ModelConfig,
    data: TextData,
    train: TrainConfig,
    penalty: SafrPenalty,
    vectors: torch.Tensor | None = None,
) -> dict[str, Any]:
    """Return the settings of a training as JSON holds them; word vectors by a checksum."""
    rows = {} if data.streaming else {name: len(split) for name, split in data.items()}
    described = {
        "model": dataclasses.asdict(model),
        "train": dataclasses.asdict(train),
        "penalty": penalty.to_dict(),
        "data": {"source": data.source, "rows": rows},
    }
    if vectors is not None:
        described["data"]["word_vectors"] = checksum(vectors)
    return json.loads(json.dumps(described))


def checksum(vectors: torch.Tensor) -> str:
    """Return a checksum of which words have a vector, and its length: with other threads the values round otherwise."""
    known = vectors.isfinite().all(1).numpy().tobytes()
    return f"{vectors.shape[1]}-{hashlib.sha256(known).hexdigest()[:12]}"


def check_same(saved: dict[str, Any], asked: dict[str, Any], folder: Path) -> None:
    """Raise a CheckpointError that names the first setting in which two trainings differ.

    The number of epochs may differ: that is the same training, longer or shorter.
    """
    for part in sorted(saved.keys() | asked.keys()):
        old, new = saved.get(part) or {}, asked.get(part) or {}
        for name in sorted(old.keys() | new.keys()):
            if name != "epochs" and old.get(name) != new.get(name):
                raise CheckpointError(
                    f"{folder} holds a training with other settings: {name} was {old.get(name)!r}, now "
                    f"{new.get(name)!r}. Use the old setting, name another folder, or use --overwrite."
                )
