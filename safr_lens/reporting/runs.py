"""A finished run as a report needs it: its record, how it was made, and how its training went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safr_lens.data.label_mapping import differing
from safr_lens.documents import read_json_lines
from safr_lens.models.classifier import HookedClassifier
from safr_lens.runs.record import Epoch, RunRecord, recorded, run_record
from safr_lens.training.run_folder import HISTORY
from safr_lens.views.charts import Chart, curves


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


def run_metadata(run: ReportedRun) -> dict[str, str]:
    """Return what ``metrics.json`` records of a run."""
    if "settings" not in run.metrics:
        return {"record": "none (the model has no metrics.json)"}
    if lacking := [name for name in ("seed", "best_epoch", "epochs", "seconds") if name not in run.metrics]:
        return {"record": f"incomplete (metrics.json lacks {' and '.join(lacking)})"}
    settings, versions = run.metrics["settings"], run.metrics.get("versions", {})
    penalty = settings["penalty"]
    rows = ", ".join(f"{count:,} {split}" for split, count in settings["data"].get("rows", {}).items())
    return {
        "data": f"{settings['data']['source']}{': ' if rows else ''}{rows}",
        "labels": differing(run.record.label_mapping or {}) or ", ".join(run.model.labels),
        "seed": str(run.metrics["seed"]),
        "epochs": f"best {run.metrics['best_epoch']} of {run.metrics['epochs']}, {run.metrics['seconds']:.0f} s",
        "pairs compared": "not recorded" if run.model.compared is None else run.model.compared.name,
        "word vectors": run.metrics.get("word_vectors") or "none recorded",
        "model": _listed(settings["model"] | {"encoder": (settings["model"].get("encoder") or {}).get("model_type")}),
        "training": _listed(settings["train"]),
        "penalty": _penalty(penalty),
        "data preparation": " ".join(run.metrics.get("data_notes", [])) or "none",
        "versions": _listed(versions),
    }


def shown_schedule(schedule: Any) -> str:
    """Return a weight or its schedule as text.

    >>> shown_schedule({"start": 1.0, "end": 0.1, "delay": 1.0, "epochs": 0.0})
    '1 to 0.1 after epoch 1'
    """
    if not isinstance(schedule, Mapping) or not all(
        isinstance(schedule.get(name), int | float) for name in ("start", "end", "delay", "epochs")
    ):
        return str(schedule)
    if schedule["start"] == schedule["end"]:
        return f"{schedule['end']:g}"
    span = f" over {schedule['epochs']:g} epochs" if schedule["epochs"] else ""
    return f"{schedule['start']:g} to {schedule['end']:g} after epoch {schedule['delay']:g}{span}"


def training_curves(runs: list[ReportedRun]) -> list[tuple[str, Chart]]:
    """Return charts with captions: validation accuracy of all runs, and the terms of each run's loss."""
    recorded = [run for run in runs if run.history]
    if not recorded:
        return []
    accuracy = {run.name: [100 * epoch["validation_accuracy"] for epoch in run.history] for run in recorded}
    best = {run.name: max((e["epoch"] for e in run.history if e["best"]), default=0) for run in recorded}
    charts = [
        (
            "Accuracy on the validation split; the dot marks the epoch whose weights were kept.",
            curves(accuracy, label="validation accuracy, %", marks=best),
        )
    ]
    for run in recorded:
        names = run.history[0]["terms"]
        terms = {name.replace("_", " "): [epoch["terms"][name] for epoch in run.history] for name in names}
        terms = {name: values for name, values in terms.items() if any(values)}  # information is 0 without VMASK
        charts.append(
            (f"{run.name}: terms of the training loss, unweighted.", curves(terms, label="mean over the epoch"))
        )
    return charts


def _penalty(penalty: Mapping[str, Any]) -> str:
    unused = ("importance_weight", "interaction_weight") if penalty.get("site") == "none" else ()
    weights = {
        name: shown_schedule(value)
        for name, value in penalty.items()
        if name.endswith("_weight") and name not in unused and shown_schedule(value) != "0"
    }
    rest = {"site": "none"} if unused else {n: value for n, value in penalty.items() if not n.endswith("_weight")}
    return _listed(rest | weights)


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None)
