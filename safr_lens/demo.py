"""The demo: the same classifier with and without SAFR on real reviews, compared in a table and on a page."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safr_lens.data.dataset import SPLITS, TextData
from safr_lens.data.load import load_data
from safr_lens.errors import CheckpointError
from safr_lens.measures.streams.type_means import TypeMeans
from safr_lens.measures.summary import neuron_summary
from safr_lens.models.classifier import HookedClassifier
from safr_lens.settings import make_settings
from safr_lens.views.comparison import Measured, Row, comparison, warnings
from safr_lens.views.report import ReportText, write_report
from safr_lens.views.sentence import sentence_view
from safr_lens.workflow import finished_run, train_run

ARMS = {"unregularised": {"site": "none"}, "SAFR": {"site": "neurons"}}
REPORT = "report.html"
TEXTS_PER_CLASS = 3


@dataclass(frozen=True)
class DemoResult:
    """What the demo found and where it wrote it."""

    rows: list[Row]
    warnings: list[str]
    measured: list[Measured]
    report: Path


def run_demo(
    out: Path,
    *,
    data: str = "rotten_tomatoes",
    seed: int = 0,
    epochs: int = 12,
    limit: int | None = None,
    overwrite: bool = False,
    progress: bool = True,
) -> DemoResult:
    """Train both arms with the same seed, measure them on the test split, and write ``report.html``.

    An interrupted demo goes on where it stopped when it is called again.

    Args:
        out: folder for both runs and the report.
        data: as in :func:`safr_lens.load_data`.
        seed: of both arms.
        epochs: at most so many for each arm.
        limit: use at most so many texts of each split, for a quick look.
        overwrite: replace an earlier demo.
        progress: show progress on standard error.

    Raises:
        CheckpointError: ``out`` holds a finished demo and ``overwrite`` is off.
    """
    if (out / REPORT).exists() and not overwrite:
        raise CheckpointError(
            f"{out / REPORT} exists already. Open it, name another folder with --out, or --overwrite."
        )
    loaded = _limited(load_data(data), limit)
    models: dict[str, HookedClassifier] = {}
    means: dict[str, TypeMeans] = {}
    measured = []
    for name, choice in ARMS.items():
        settings = make_settings({"data": data, "seed": seed, "epochs": epochs, **choice})
        folder = out / name.lower()
        done = None if overwrite else finished_run(folder, settings, loaded)
        if done is None:
            result = train_run(
                settings,
                out=folder,
                data=loaded,
                resume=not overwrite,
                overwrite=overwrite,
                progress=progress,
                title=name,
            )
            done = result.model, result.metrics
        models[name], metrics = done
        summary, means[name] = neuron_summary(models[name], loaded["test"])
        measured.append(Measured(name, metrics, summary))
    rows, minds = comparison(measured), warnings(measured)
    write_report(
        out / REPORT,
        title="What SAFR changed in a text classifier",
        intro=_intro(loaded),
        table=[dataclasses.asdict(row) for row in rows],
        warnings=minds,
        texts=_report_texts(models, means, loaded),
        facts=_facts(measured, loaded, seed),
    )
    return DemoResult(rows, minds, measured, out / REPORT)


def _limited(data: TextData, limit: int | None) -> TextData:
    if limit is None:
        return data
    # evenly spaced: the rows may be sorted by class
    splits = {name: data[name].select(range(0, len(data[name]), -(-len(data[name]) // limit))) for name in SPLITS}
    return dataclasses.replace(data, splits=splits)


def _report_texts(
    models: Mapping[str, HookedClassifier], means: Mapping[str, TypeMeans], data: TextData
) -> list[ReportText]:
    return [
        ReportText(
            text=row["text"],
            label=data.labels[row["label"]],
            views=[sentence_view(model, row["text"], means[name], name=name) for name, model in models.items()],
        )
        for row in _chosen(data["test"], len(data.labels))
    ]


def _chosen(split: Iterable[dict[str, Any]], n_classes: int) -> list[dict[str, Any]]:
    """The first texts of 8 to 20 words of each class: not picked by what any model makes of them."""
    chosen: list[dict[str, Any]] = []
    for label in range(min(n_classes, 4)):
        fitting = (row for row in split if row["label"] == label and 8 <= len(row["text"].split()) <= 20)
        chosen.extend(row for _, row in zip(range(TEXTS_PER_CLASS), fitting, strict=False))
    return chosen


def _intro(data: TextData) -> list[str]:
    n = {name: len(data[name]) for name in SPLITS}
    return [
        f"Two classifiers were trained from scratch on {n['train']:,} texts of {data.source} with the same seed and "
        "the same architecture: a one-layer TransformerLens HookedTransformer whose class is read from its MLP neurons "
        "alone. The first has no penalty on its neurons; the second was trained with SAFR. All figures are from "
        f"{n['test']:,} texts that neither saw, and from one seed: small differences are noise.",
        "The texts below are the first of 8 to 20 words of each class in the test split, not picked by their results.",
    ]


def _facts(measured: list[Measured], data: TextData, seed: int) -> dict[str, str]:
    settings = measured[-1].metrics["settings"]
    penalty = settings["penalty"]
    facts = {
        "data": f"{data.source}: " + ", ".join(f"{len(data[name]):,} {name}" for name in SPLITS),
        "seed": str(seed),
        "model": ", ".join(f"{name} {value}" for name, value in settings["model"].items()),
        "training": ", ".join(f"{name} {value}" for name, value in settings["train"].items()),
        "SAFR": f"site {penalty['site']}, importance {_shown(penalty['importance_weight'])}, interaction "
        f"{_shown(penalty['interaction_weight'])}, threshold {penalty['threshold']}, l1_ratio {penalty['l1_ratio']}",
        "information term (both)": _shown(penalty["information_weight"]),
    }
    for model in measured:
        facts[f"{model.name}, epochs"] = (
            f"best {model.metrics['best_epoch']} of {model.metrics['epochs']}, {model.metrics['seconds']:.0f} s"
        )
    versions = measured[-1].metrics["versions"]
    return facts | {"versions": ", ".join(f"{name} {value}" for name, value in versions.items())}


def _shown(schedule: Mapping[str, float]) -> str:
    if schedule["start"] == schedule["end"]:
        return f"{schedule['end']:g}"
    return f"{schedule['start']:g} to {schedule['end']:g} over {schedule['epochs']:g} epochs"
