"""What happened in each epoch, which was the best, and when to stop looking for a better one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from safr_lens.atomic import write_text
from safr_lens.training.config import TrainConfig


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
        steps: batches, of all processes together.
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
    """Write one JSON object a line."""
    write_text(path, "".join(json.dumps(asdict(record)) + "\n" for record in records))


@dataclass(frozen=True)
class BestEpoch:
    """How epochs are compared.

    Attributes:
        config: which figure counts, after how many worse epochs to stop, and how many there are at most.
        settled: epochs after which no weight of the penalty changes any more and the encoder is trained; only later
            ones count, or the last.
    """

    config: TrainConfig
    settled: float

    def improves(self, records: Sequence[EpochRecord], *, epoch: int, accuracy: float, loss: float) -> bool:
        """Whether an epoch is better than all before it; of equals the earlier one stays."""
        rank = self._rank(epoch, accuracy, loss)
        return all(rank > self._rank(r.epoch, r.validation_accuracy, r.validation_loss) for r in records)

    def patience_ended(self, records: Sequence[EpochRecord]) -> bool:
        """Whether as many epochs as patience allows have passed since the best one."""
        best = max((record.epoch for record in records if record.best), default=0)
        return best >= self._first and len(records) - best >= self.config.patience

    @property
    def _first(self) -> int:
        return min(math.ceil(self.settled) + 1, self.config.all_epochs)

    def _rank(self, epoch: int, accuracy: float, loss: float) -> tuple[float, ...]:
        counts = epoch >= self._first
        return (counts, accuracy, -loss) if self.config.metric_for_best_model == "accuracy" else (counts, -loss)
