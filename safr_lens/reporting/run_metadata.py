"""How a run was made, as names and values to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from safr_lens.data.label_mapping import differing
from safr_lens.reporting.runs import ReportedRun


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
