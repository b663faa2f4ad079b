"""A finished run with its record, as a report needs it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safr_lens.documents import read_json_lines
from safr_lens.models.classifier import HookedClassifier
from safr_lens.runs.record import RunRecord, recorded, run_record
from safr_lens.runs.record_schema import Epoch
from safr_lens.training.run_folder import HISTORY


@dataclass(frozen=True)
class ReportedRun:
    """A trained run.

    Attributes:
        name: what the report calls it.
        model: with its best weights.
        record: of how it was trained, and on which rows.
        history: of ``history.jsonl``, one dict an epoch.
    """

    name: str
    model: HookedClassifier
    record: RunRecord
    history: list[dict[str, Any]]

    @property
    def metrics(self) -> dict[str, Any]:
        """What stands in ``metrics.json``; empty for a model without its record, as one from the Hub."""
        return self.record.metrics


def load_run(run: str | Path, *, name: str | None = None) -> ReportedRun:
    """Load a run's folder, or a model without a record.

    Raises:
        CheckpointError: no run, or a damaged one.
    """
    model = HookedClassifier.from_pretrained(run)
    folder = Path(run)
    return ReportedRun(
        name=name or folder.resolve().name or str(run),
        model=model,
        record=run_record(run),
        history=recorded(folder / HISTORY, read_json_lines, list[Epoch], []),
    )
