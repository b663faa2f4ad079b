"""``report``: from the folder of a run to one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safr_lens.analysis import Analysis
from safr_lens.data.label_mapping import differing
from safr_lens.data.sources import quoted
from safr_lens.errors import CheckpointError, ConfigError
from safr_lens.reporting.build import build_report
from safr_lens.reporting.runs import ReportedRun, load_run
from safr_lens.runs.analyze_run import analyze_run
from safr_lens.runs.measured_data import MeasuredData, measured_data
from safr_lens.runs.seen import seen_sentence
from safr_lens.views.view import View
from safr_lens.visible import listed


def report(
    run: str | Path,
    baseline: str | Path | None = None,
    *,
    out: str | Path | None = None,
    data: str | None = None,
    split: str = "test",
    word_vectors: str | Path | None = None,
    word_vectors_from: str | None = None,
    faithfulness_texts: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    stages: Any = None,
    **reading: Any,
) -> View:
    """Measure a run, and a baseline beside it, and show all of it on one page.

    Args:
        run: the folder of a trained run, or a Hub id.
        baseline: another, usually the unregularised one.
        out: write the page there, too.
        data: what to measure on, as in :func:`safr_lens.load_data`; by default what the run was trained on.
        split: which split of it, or ``"all"``; a file that the runs do not know is used whole.
        word_vectors: a file of word vectors for MS and name fidelity, see
            :func:`safr_lens.word_vectors.read_word_vectors`.
        word_vectors_from: or data whose texts give them; by default the training split.
        faithfulness_texts: as in :func:`safr_lens.analyze`.
        seed: of permutations and resamples.
        overwrite: replace ``out`` if it exists.
        stages: gives, for the name of a run, what :func:`safr_lens.analyze` takes as ``stages``.
        **reading: ``labels``, ``text_column``, ``label_column``, ``header``, ``encoding`` and ``streaming``, as in
            :func:`safr_lens.load_data`.

    Returns:
        A view: it shows itself in a notebook, and ``save`` writes it as a page.

    Raises:
        CheckpointError: a run that cannot be loaded, or ``out`` that exists already.
        ConfigError: runs of other classes, or a run whose record does not name its data, without ``data``.
        DataError: data that cannot be used.
    """
    if out is not None and Path(out).exists() and not overwrite:
        raise CheckpointError(f"{out} exists already. Name another file, or overwrite it (--overwrite).")
    runs = _loaded(run, baseline)
    measured = measured_data(
        data,
        split,
        classes=runs[-1].model.labels,
        runs=[one.record for one in runs],
        word_vectors=word_vectors,
        word_vectors_from=word_vectors_from,
        **reading,
    )
    analyses = analyze_reported(runs, measured, stages=stages, seed=seed, faithfulness_texts=faithfulness_texts)
    facts = {
        "data": measured.name,
        "texts trained on": " ".join(f"{one.name}: {seen_sentence(measured.seen[one.record.run])}" for one in runs),
        "word vectors of MS and name fidelity": ("" if measured.vectors else "PPMI-SVD of ") + measured.vectors_name,
        "seed of permutations and resamples": str(seed),
        "labels": differing(measured.label_mapping) or "named as the classes",
        "command": f"safr-lens report {quoted(run)}" + (f" --baseline {quoted(baseline)}" if baseline else ""),
    }
    view = build_report(runs, measured.rows, analyses, measured=facts, label_mapping=measured.label_mapping)
    view.content["measured"] = measured.name
    view.content["seen"] = {one.name: measured.seen[one.record.run] for one in runs}
    if out is not None:
        view.save(out)
    return view


def analyze_reported(
    runs: list[ReportedRun], measured: MeasuredData, *, stages: Any = None, **options: Any
) -> list[Analysis]:
    """Analyze loaded runs on the same data; the last one, which the report is about, beside its random initialisation.

    ``stages`` is as in :func:`report`; other options are those of :func:`safr_lens.analyze`.
    """
    return [
        analyze_run(
            one.model,
            measured,
            run=one.record.run,
            at_init=one is runs[-1],
            **options,
            **({} if stages is None else {"stages": stages(one.name)}),
        )
        for one in runs
    ]


def _loaded(run: str | Path, baseline: str | Path | None) -> list[ReportedRun]:
    if baseline is None:
        return [load_run(run)]
    loaded = [load_run(baseline), load_run(run)]
    if loaded[0].name == loaded[1].name:
        loaded = [load_run(path, name=str(path)) for path in (baseline, run)]
    if loaded[0].name == loaded[1].name:
        raise ConfigError(f"{run} is run and baseline at once; name two different runs.")
    labels = [one.model.labels for one in loaded]
    if labels[0] != labels[1]:
        raise ConfigError(f"The runs know other classes: {listed(labels[0])} and {listed(labels[1])}.")
    return loaded
