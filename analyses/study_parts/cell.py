"""One cell of the grid: train a classifier, measure it, and return what is worth keeping as JSON."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from typing import Any

import torch

from safr_lens import HookedClassifier, analyze, sparse_probe, train
from safr_lens.analysis import Analysis
from safr_lens.errors import DataError
from safr_lens.json_values import without_nan
from safr_lens.runs.settings import Settings, make_settings
from safr_lens.training.config import uses_words
from safr_lens.training.metrics import PACKAGES, _version
from safr_lens.word_vectors.vectors import WordVectors
from study_parts.bounded import bounded_faithfulness
from study_parts.concepts import concepts
from study_parts.embedding import embedding_figures
from study_parts.grid import FILE, STARTED_FROM
from study_parts.redundancy import redundancy_figures
from study_parts.sources import Source

N_SHUFFLES = 2
SHOWN_NEURONS = 12


def prepared(
    source: Source, settings: Mapping[str, Any], seed: int
) -> tuple[HookedClassifier, Settings, WordVectors | None]:
    """Return an untrained classifier, the settings of its training, and the word vectors that they use, if any."""
    name = settings.get("word_vectors_from")
    known = {**settings, "word_vectors_from": None} if name == FILE else settings
    chosen = make_settings({**STARTED_FROM, "data": source.data.source, **source.settings, **known, "seed": seed})
    model = HookedClassifier.from_config(chosen.model, tokenizer=source.tokenizer, labels=source.data.labels, seed=seed)
    given = source.own if name is None else source.vectors[name]
    return model, chosen, given if uses_words(chosen.train, chosen.penalty) else None


def run_cell(
    source: Source, settings: Mapping[str, Any], *, split: str, seed: int, faithfulness: int
) -> dict[str, Any]:
    """Train with some settings and measure on a split.

    Args:
        source: data and word vectors.
        settings: as :func:`safr_lens.runs.settings.make_settings` takes them.
        split: ``"validation"`` while settings are chosen, ``"test"`` in the end.
        seed: of the training.
        faithfulness: texts for the faithfulness of the importance; 0 for none.
    """
    started = time.perf_counter()
    model, chosen, vectors = prepared(source, settings, seed)
    options = {"penalty": chosen.penalty, "word_vectors": vectors, "progress": False}
    result = train(model, source.data, chosen.train, **options)
    trained = time.perf_counter()
    rows = source.data[split]
    # without the bounds of the normalised AOPC, which take most of the time: see bounded_faithfulness
    options = {"at_init": False, "faithfulness_texts": faithfulness, "naopc_texts": 0, "seed": 0}
    found = analyze(result.model, rows, embeddings=source.judge, **options)
    cell = {
        "split": split,
        "figures": {name: one.to_dict() for name, one in found.measurements.items()},
        "embedding": embedding_figures(result.model, rows),
        "naopc": bounded_faithfulness(result.model, rows) if faithfulness else {},
        "redundancy": redundancy_figures(found.neurons),
        "probes": _probes(result.model, rows),
        "neurons": _shown(found),
        "validation_accuracy": result.metrics["validation"]["accuracy"],
        "epochs": result.metrics["epochs"],
        "best_epoch": result.metrics["best_epoch"],
        "n_texts": found.facts["n_texts"],
        "data_note": source.note,
        "seconds_training": round(trained - started, 1),
        "seconds_measuring": round(time.perf_counter() - trained, 1),
        "threads": torch.get_num_threads(),
        "device": str(result.model.device),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    }
    return without_nan(cell)


def _probes(model: HookedClassifier, rows: Any) -> dict[str, Any]:
    """Return the best single neuron of each concept; a concept too rare in this split is left out."""
    probes = {}
    for name, concept in concepts(rows, model.labels).items():
        try:
            probes[name] = sparse_probe(model, rows, concept, k=1, n_shuffles=N_SHUFFLES).to_dict()
        except DataError:
            continue
    return probes


def _shown(found: Analysis) -> list[dict[str, Any]]:
    """Return the words of the neurons whose loss when ablated is largest: those that the model relies on."""
    columns = ["neuron", "top_words", "token_selectivity", "monosemanticity", "ablation_loss"]
    table = found.neurons.sort_values("ablation_loss", ascending=False).head(SHOWN_NEURONS)
    return [
        {name: (list(value) if name == "top_words" else value) for name, value in row.items()}
        for row in table[columns].to_dict("records")
    ]
