"""The demo: the same classifier with and without SAFR on real reviews, compared in a table and on a page."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safr_lens.analysis import Analysis, Difference, compare, to_dict
from safr_lens.data.dataset import SPLITS, TextData, at_most
from safr_lens.data.label_mapping import merged
from safr_lens.data.load import load_data
from safr_lens.errors import CheckpointError
from safr_lens.reporting import ReportedRun, load_run
from safr_lens.reporting.build import build_report
from safr_lens.reporting.write import analyze_reported
from safr_lens.runs.measured_data import MeasuredData
from safr_lens.runs.settings import PACKAGED_VECTORS, Settings, make_settings
from safr_lens.runs.train_run import finished_run, run_vectors, train_run
from safr_lens.training.config import uses_words
from safr_lens.word_vectors.vectors import WordVectors

REPORT = "report.html"
PATIENCE = 1  # as in the study; more patience kept the same epochs and took two more
EPOCHS, ENCODER_EPOCHS = 3, 12  # a fourth epoch of the small classifier changes little
FAITHFULNESS = {"faithfulness_texts": 40, "naopc_texts": 0}  # keeps the demo short; safr-lens report takes more


@dataclass(frozen=True)
class DemoResult:
    """What the demo found and where it wrote it; runs and analyses by the names of the methods."""

    runs: dict[str, ReportedRun]
    analyses: dict[str, Analysis]
    differences: dict[str, list[Difference]]
    warnings: list[str]
    report: Path
    label_mapping: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it."""
        [differences] = to_dict(self.differences).values()
        return {
            "report": str(self.report),
            "warnings": self.warnings,
            "label_mapping": self.label_mapping,
            "models": {
                name: {"metrics": run.metrics, "analysis": self.analyses[name].to_dict()}
                for name, run in self.runs.items()
            },
            "differences": differences,
        }


def run_demo(
    out: Path,
    *,
    data: str,
    backbone: str | None,
    vectors_folder: Path | None,
    word_vectors: str | None,
    word_vectors_from: str | None,
    seed: int,
    epochs: int | None,
    limit: int | None,
    overwrite: bool,
    progress: bool,
    stages: Any,
    **reading: Any,
) -> DemoResult:
    """Train both methods with the same seed, measure them on the test split, and write ``report.html``.

    An interrupted demo resumes where it stopped when it is called again. Arguments are the options of
    ``safr-lens demo``; ``stages`` is as in :func:`safr_lens.report`, ``reading`` as in :func:`safr_lens.load_data`.

    Raises:
        CheckpointError: ``out`` holds a finished demo and ``overwrite`` is off.
    """
    if (out / REPORT).exists() and not overwrite:
        raise CheckpointError(
            f"{out / REPORT} exists already. Open it, name another folder with --out, or --overwrite."
        )
    loaded = _limited(load_data(data, **reading), limit)
    if epochs is None:
        epochs = ENCODER_EPOCHS if backbone else EPOCHS
    methods = _methods(
        {"data": data, "seed": seed, "epochs": epochs, "patience": PATIENCE, **reading},
        {"word_vectors": word_vectors, "word_vectors_from": word_vectors_from},
        backbone,
    )
    made = _vectors(methods["SAFR"], loaded, stages)
    vectors = {name: made if uses_words(one.train, one.penalty) else None for name, one in methods.items()}
    folders = {name: out / name.lower() for name in methods}
    # all folders are looked at ahead of the first training
    missing = [n for n in methods if overwrite or finished_run(folders[n], methods[n], loaded, vectors[n]) is None]
    for name in missing:
        train_run(
            methods[name],
            out=folders[name],
            data=loaded,
            word_vectors=vectors[name],
            vectors_folder=vectors_folder,
            resume=not overwrite,
            overwrite=overwrite,
            progress=progress,
            title=name,
        )
    runs = {name: load_run(folder, name=name) for name, folder in folders.items()}
    return _compared(runs, loaded, out / REPORT, stages)


def _methods(common: dict[str, Any], words: dict[str, str | None], backbone: str | None) -> dict[str, Settings]:
    """Return the settings of both methods, which differ in the penalty alone."""
    if backbone is None and set(words.values()) == {None}:
        words = {"word_vectors_from": PACKAGED_VECTORS}
    common |= {"backbone": backbone} if backbone else {"embedding_start": "words"}
    preset = {} if backbone else {"preset": "strong"}  # which fades too early for a head
    safr = make_settings({**common, **words, **preset})
    plain = {"site": "none", "d_mlp": safr.model.d_mlp} | ({} if backbone else words)  # on an encoder it uses no words
    return {"unregularised": make_settings({**common, **plain}), "SAFR": safr}


def _vectors(settings: Settings, data: TextData, stages: Any) -> WordVectors | None:
    """Return the word vectors of both methods, made once; reading many reviews takes some seconds."""
    name = f"word vectors of {settings.data.word_vectors or settings.data.word_vectors_from or 'the encoder'}"
    with nullcontext() if stages is None else stages("both")(name):
        return run_vectors(settings, data)


def _compared(runs: dict[str, ReportedRun], data: TextData, page: Path, stages: Any) -> DemoResult:
    """Measure both runs on the test split and write the page."""
    mapping = merged(data.label_mapping)
    measured = MeasuredData(
        data["test"],
        label_mapping=mapping,
        vector_texts=(data["train"],),
        vectors_name=f"the training split of {data.source}",
    )
    found = analyze_reported(list(runs.values()), measured, **FAITHFULNESS, stages=stages)
    facts = {
        "data": f"the test split of {data.source}",
        "word vectors of MS and name fidelity": "PPMI-SVD of the training split",
    }
    title = "What SAFR changed in a text classifier"
    view = build_report(list(runs.values()), data["test"], found, measured=facts, label_mapping=mapping, title=title)
    view.save(page)
    analyses = dict(zip(runs, found, strict=True))
    differences = compare({name: [analysis] for name, analysis in analyses.items()})
    return DemoResult(runs, analyses, differences, view.content["warnings"], page, mapping)


def _limited(data: TextData, limit: int | None) -> TextData:
    if limit is None:
        return data
    splits = {name: at_most(data[name], limit) for name in SPLITS}
    return dataclasses.replace(
        data, splits=splits, notes=(*data.notes, f"Of each split at most {limit:,} rows are used.")
    )
