"""A finished run with its record, as a report needs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safr_lens.data.label_mapping import merged
from safr_lens.errors import CheckpointError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.training.run_folder import HISTORY, METRICS


@dataclass(frozen=True)
class ReportedRun:
    """A trained run.

    Attributes:
        name: what the report calls it.
        model: with its best weights.
        metrics: of ``metrics.json``; empty for a model without its record, as one from the Hub.
        history: of ``history.jsonl``, one dict an epoch.
    """

    name: str
    model: HookedClassifier
    metrics: dict[str, Any]
    history: list[dict[str, Any]]

    @property
    def source(self) -> str | None:
        """The data that it was trained on, if its record says so."""
        return self.metrics.get("settings", {}).get("data", {}).get("source")

    @property
    def label_mapping(self) -> dict[str, str] | None:
        """What the labels of these data mean, if the record says so."""
        return merged(self.metrics.get("label_mapping", {})) or None


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
        metrics=_read(folder / METRICS, json.loads, {}),
        history=_read(folder / HISTORY, lambda text: [json.loads(line) for line in text.splitlines()], []),
    )


def _read(path: Path, parse: Any, missing: Any) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8")) if path.is_file() else missing
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}. Train the run again, or remove the file.") from None
