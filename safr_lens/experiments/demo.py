"""The demo: the same classifier with and without SAFR on real reviews, compared in a table and on a page."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safr_lens.analysis import Analysis, Difference, compare
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

METHODS = {"unregularised": {"site": "none"}, "SAFR": {"preset": "strong"}}
REPORT = "report.html"
PATIENCE = 1  # as in the study; more patience kept the same epochs and took two more
FAITHFULNESS = {"faithfulness_texts": 40, "naopc_texts": 0}  # keeps the demo short; safr-lens report takes more


@dataclass(frozen=True)
class DemoResult:
    """What the demo found and where it wrote it."""

    runs: dict[str, ReportedRun]
    analyses: dict[str, Analysis]
    differences: list[Difference]
    warnings: list[str]
    report: Path
    label_mapping: dict[str, str]


def run_demo(
    out: Path,
    *,
    data: str = "rotten_tomatoes",
    backbone: str | None = None,
    vectors_folder: Path | None = None,
    word_vectors: str | None = None,
    word_vectors_from: str | None = None,
    seed: int = 0,
    epochs: int = 12,
    limit: int | None = None,
    overwrite: bool = False,
    progress: bool = True,
    stages: Any = None,
    **reading: Any,
) -> DemoResult:
    """Train both methods with the same seed, measure them on the test split, and write ``report.html``.

    An interrupted demo resumes where it stopped when it is called again.

    Args:
        out: folder for both runs and the report.
        data: as in :func:`safr_lens.load_data`.
        backbone: a folder or Hub id of a pretrained encoder, on which both methods train a neuron head.
        vectors_folder: as in :func:`safr_lens.train`.
        word_vectors: a file of the word vectors that both methods start from, or with ``backbone`` that SAFR compares.
        word_vectors_from: or data whose training split gives them; by default the packaged imdb reviews, or with
            ``backbone`` the encoder's own token embeddings.
        seed: of both methods.
        epochs: at most so many for each method.
        limit: use at most so many texts of each split, for a quick look.
        overwrite: replace an earlier demo.
        progress: show progress on standard error.
        stages: as in :func:`safr_lens.report`.
        **reading: ``labels``, ``text_column``, ``label_column``, ``header`` and ``encoding``, as in
            :func:`safr_lens.load_data`.

    Raises:
        CheckpointError: ``out`` holds a finished demo and ``overwrite`` is off.
    """
    if (out / REPORT).exists() and not overwrite:
        raise CheckpointError(
            f"{out / REPORT} exists already. Open it, name another folder with --out, or --overwrite."
        )
    loaded = _limited(load_data(data, **reading), limit)
    common = {"data": data, "seed": seed, "epochs": epochs, "patience": PATIENCE, **reading}
    if backbone is None and word_vectors is None and word_vectors_from is None:
        word_vectors_from = PACKAGED_VECTORS
    words = {"word_vectors": word_vectors, "word_vectors_from": word_vectors_from}
    common |= {"backbone": backbone} if backbone else {"embedding_start": "words"}
    safr = make_settings({**common, **words, **METHODS["SAFR"]})
    common |= {"d_mlp": safr.model.d_mlp} | ({} if backbone else words)  # on an encoder it has no use for words
    methods = {"unregularised": make_settings({**common, **METHODS["unregularised"]}), "SAFR": safr}
    made = _vectors(methods["SAFR"], loaded, stages)
    vectors = {name: made if uses_words(one.train, one.penalty) else None for name, one in methods.items()}
    missing = [
        name
        for name in methods
        if overwrite or finished_run(out / name.lower(), methods[name], loaded, vectors[name]) is None
    ]
    for name in missing:
        train_run(
            methods[name],
            out=out / name.lower(),
            data=loaded,
            word_vectors=vectors[name],
            vectors_folder=vectors_folder,
            resume=not overwrite,
            overwrite=overwrite,
            progress=progress,
            title=name,
        )
    runs = [load_run(out / name.lower(), name=name) for name in METHODS]
    mapping = merged(loaded.label_mapping)
    measured = MeasuredData(
        loaded["test"],
        label_mapping=mapping,
        vector_texts=(loaded["train"],),
        vectors_name=f"the training split of {data}",
    )
    analyses = analyze_reported(runs, measured, **FAITHFULNESS, stages=stages)
    facts = {
        "data": f"the test split of {loaded.source}",
        "word vectors of MS and name fidelity": "PPMI-SVD of the training split",
    }
    view = build_report(
        runs,
        loaded["test"],
        analyses,
        measured=facts,
        label_mapping=mapping,
        title="What SAFR changed in a text classifier",
    )
    view.save(out / REPORT)
    by_name = dict(zip(METHODS, analyses, strict=True))
    [differences] = compare({name: [found] for name, found in by_name.items()}).values()
    return DemoResult(
        dict(zip(METHODS, runs, strict=True)),
        by_name,
        differences,
        view.content["warnings"],
        out / REPORT,
        mapping,
    )


def _vectors(settings: Settings, data: TextData, stages: Any) -> WordVectors | None:
    """Return the word vectors of both methods, made once; reading many reviews takes some seconds."""
    name = f"word vectors of {settings.data.word_vectors or settings.data.word_vectors_from or 'the encoder'}"
    with nullcontext() if stages is None else stages("both")(name):
        return run_vectors(settings, data)


def _limited(data: TextData, limit: int | None) -> TextData:
    if limit is None:
        return data
    splits = {name: at_most(data[name], limit) for name in SPLITS}
    return dataclasses.replace(
        data, splits=splits, notes=(*data.notes, f"Of each split at most {limit:,} rows are used.")
    )
