"""How the trainings went, epoch by epoch."""

from __future__ import annotations

from safr_lens.reporting.runs import ReportedRun
from safr_lens.views.charts import Chart, curves


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
