"""From trained runs to what is measured of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safr_lens.analysis import Analysis, analyze
from safr_lens.data.dataset import Split
from safr_lens.data.rows import Texts
from safr_lens.data.unknown import corpus_warning
from safr_lens.documents import read_json
from safr_lens.errors import ConfigError
from safr_lens.measures.predictions import evaluate
from safr_lens.measures.reliance import reliance
from safr_lens.models.classifier import HookedClassifier
from safr_lens.processes import on_own_device
from safr_lens.runs.measured_data import MeasuredData, measured_data
from safr_lens.runs.record import run_record
from safr_lens.runs.seen import seen_warnings
from safr_lens.training.run_folder import METRICS
from safr_lens.visible import listed
from safr_lens.word_vectors.resolve import Embeddings, vectors_of_texts


def evaluate_run(model: HookedClassifier, split: Split) -> dict[str, Any]:
    """Return accuracy, loss, reliance and warnings as JSON holds them."""
    test = evaluate(model, split)
    warning = corpus_warning(test.unknown_tokens)
    return {
        "test": asdict(test),
        "reliance": reliance(model, split, intact=test).to_dict(),
        "warnings": [warning] if warning else [],
    }


def analyze_run(
    model: HookedClassifier, data: MeasuredData, *, run: str | None = None, seed: int = 0, **options: Any
) -> Analysis:
    """Analyze a model with the word vectors of some data; ``options`` as for :func:`safr_lens.analyze`.

    The analysis warns where the run, by its name in ``data.seen``, was trained on some of the texts, or with the word
    vectors that judge its neurons.

    Raises:
        ConfigError: vectors that the user named, and that know too few words.
    """
    texts = Texts(*data.vector_texts)
    vectors: Embeddings | None = data.vectors
    if data.vectors_from is not None:
        vectors = vectors_of_texts(texts, model.tokenizer, data.vectors_from, seed=seed)
    found = analyze(model, data.rows, embeddings=vectors, vector_texts=texts, seed=seed, **options)
    if run is None or run not in data.seen:
        return found
    counts = data.seen[run]
    facts = {"word_vectors": data.vectors_name, "trained_vectors": data.trained_vectors.get(run), "seen": counts}
    warned = (*seen_warnings(counts), *data.vectors_warning(run))
    return replace(found, facts=found.facts | facts, about_data=warned)


def analyze_runs(
    runs: Sequence[str],
    source: str | None,
    split: str,
    *,
    word_vectors: str | Path | None = None,
    word_vectors_from: str | None = None,
    stages: Callable[[str], Any],
    reading: Mapping[str, Any] | None = None,
    **options: Any,
) -> tuple[dict[str, Analysis], MeasuredData]:
    """Analyze several runs on the same data, by default that of the last; all are loaded before the first is measured.

    Raises:
        CheckpointError: a run that cannot be loaded.
        ConfigError: runs with other labels.
    """
    models = {run: on_own_device(HookedClassifier.from_pretrained(run)) for run in runs}
    classes = {model.labels for model in models.values()}
    if len(classes) > 1:
        raise ConfigError(f"The runs know other classes: {' and '.join(listed(one) for one in sorted(classes))}.")
    data = measured_data(
        source,
        split,
        classes=classes.pop(),
        runs=[run_record(run) for run in runs],
        word_vectors=word_vectors,
        word_vectors_from=word_vectors_from,
        **(reading or {}),
    )
    analyses = {
        run: analyze_run(model, data, run=run, at_init=False, stages=stages(run), **options)
        for run, model in models.items()
    }
    return analyses, data


def grouped_runs(runs: Sequence[str]) -> dict[str, list[str]]:
    """Group runs whose recorded settings differ in the seed alone; a group is named by its first run.

    Raises:
        ConfigError: fewer than two groups, or a run named twice.
    """
    for run in runs:
        if runs.count(run) > 1:
            raise ConfigError(f"{run} is named twice; name each run once.")
    groups: dict[str, list[str]] = {}
    for run in runs:
        groups.setdefault(_without_seed(run), []).append(run)
    if len(groups) < 2:
        raise ConfigError(
            f"A comparison needs at least two runs with different settings; {listed(runs)} "
            f"{'is one run' if len(runs) == 1 else 'differ in their seeds alone'}."
        )
    return {
        f"{members[0]} and {len(members) - 1} more" if members[1:] else members[0]: members
        for members in groups.values()
    }


def _without_seed(run: str) -> str:
    try:
        settings = read_json(Path(run) / METRICS)["settings"]
        return json.dumps(settings | {"train": settings["train"] | {"seed": None}}, sort_keys=True)
    except (OSError, ValueError, KeyError, TypeError):
        return run  # a model without its record, as from the Hub: a group of its own
