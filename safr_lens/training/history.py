"""What happened in each epoch, kept as one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from safr_lens.atomic import write_text


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: from 1.
        terms: mean over the epoch's batches of the cross-entropy and each term, unweighted.
        weights: of the terms at the end of the epoch.
        validation_accuracy, validation_loss: after the epoch.
        best: whether its weights are the best so far.
        seconds: training and validation.
        steps: batches of this process.
    """

    epoch: int
    terms: Mapping[str, float]
    weights: Mapping[str, float]
    validation_accuracy: float
    validation_loss: float
    best: bool
    seconds: float
    steps: int


def write_history(path: Path, records: list[EpochRecord]) -> None:
    """Write ``history.jsonl``."""
    write_text(path, "".join(json.dumps(asdict(record)) + "\n" for record in records))
