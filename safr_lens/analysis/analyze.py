"""Everything that can be measured about a classifier and its neurons on some data, in one call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from safr_lens.activations.corpus_statistics import CorpusStatistics
from safr_lens.activations.remembered import remembered_vectors
from safr_lens.analysis.sample import affordable, rows_at
from safr_lens.artefacts import changing, check_own_manifest, read_whole, verified
from safr_lens.atomic import write_json
from safr_lens.data.labelled_rows import labelled_rows
from safr_lens.data.rows import Data, Texts
from safr_lens.data.tokenized import tokenized_once
from safr_lens.data.unknown import corpus_warning
from safr_lens.documents import read_json
from safr_lens.errors import CheckpointError, ConfigError
from safr_lens.json_values import without_nan
from safr_lens.measures.cells import as_html
from safr_lens.measures.faithfulness import Faithfulness, faithfulness
from safr_lens.measures.formulas.coherence import Coherence, coherence
from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.registry import MEASURES, measurements, neuron_measures
from safr_lens.measures.reliance import CARRIES, ablated_predictions
from safr_lens.measures.statistics import NeuronStatistics, OnTexts, collect_statistics
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.learned import untrained
from safr_lens.neurons.piece_words import pieces_in_words
from safr_lens.neurons.table import table_of
from safr_lens.visible import shown
from safr_lens.word_vectors import Embeddings, analysis_vectors

MEASURES_FILE, NEURONS_FILE = "measures.json", "neurons.parquet"
FORMAT = "safr_lens.measures/1"
PER_TEXT = ("comprehensiveness", "sufficiency", "aopc", "naopc")
# named stage -> a context that gives the function to call with the steps done and all steps
Stages = Callable[[str], AbstractContextManager[OnTexts]]


@dataclass(frozen=True)
class Analysis:
    """A classifier measured on some data.

    Attributes:
        measurements: of the model, by the names of :data:`safr_lens.measures.MEASURES`.
        at_init: the same of the architecture at random initialisation; empty if it was not asked for.
        neurons: one row a neuron, see :func:`safr_lens.neurons.neuron_table`.
        statistics: that the measurements were made from.
        faithfulness: of VMASK's importance; None if it was not asked for.
        coherence: of the directions that the layer's neurons write to.
        not_measured: why a measure is left out though nobody asked for that, by name.
        about_data: what a reader must know of the texts, as that the model was trained on some of them.
        in_words: how the table shows tokens that are pieces of words.
        facts: layer, seed and size of the data.
    """

    measurements: dict[str, Measurement]
    at_init: dict[str, Measurement]
    neurons: pd.DataFrame
    statistics: NeuronStatistics
    faithfulness: Faithfulness | None
    coherence: Coherence
    facts: dict[str, Any]
    not_measured: dict[str, str] = field(default_factory=dict)
    about_data: tuple[str, ...] = ()
    in_words: dict[int, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        corpus = f"{self.facts['n_texts']:,} texts, {self.facts['n_tokens']:,} tokens"
        return f"<Analysis of layer {self.facts['layer']}: {corpus}; {len(self.measurements)} measurements>"

    def _repr_html_(self) -> str:
        return as_html(repr(self)[1:-1], self.measurements, self.at_init, self.warnings)

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing the measurements."""
        unknown = corpus_warning(self.facts["unknown_tokens"])
        left_out = _left_out(self.not_measured)
        measured = _warnings(self.measurements, int(self.facts["n_cut"]), int(self.facts["n_texts"]))
        return [*self.about_data, *([unknown] if unknown else []), *left_out, *measured]

    def statistics_of(self, layer: int) -> NeuronStatistics:
        """Return the statistics, after checking that they are of a layer.

        Raises:
            ConfigError: an analysis of another layer.
        """
        if self.statistics.layer != layer:
            raise ConfigError(f"The analysis is of layer {self.statistics.layer}; expected one of layer {layer}.")
        return self.statistics

    def to_dict(self) -> dict[str, Any]:
        """Return all measurements as JSON holds them; what is undefined is None."""
        shown = {}
        for name, measurement in self.measurements.items():
            measure = MEASURES[name]
            shown[name] = measurement.to_dict() | {"better": measure.better, "meaning": measure.meaning}
            if name in self.at_init:
                shown[name]["at_init"] = self.at_init[name].to_dict()
        return {
            "format": FORMAT,
            **self.facts,
            "figures": shown,
            "coherence_of_neuron_outputs": asdict(self.coherence),
            "faithfulness": None if self.faithfulness is None else _settings(self.faithfulness),
            "not_measured": self.not_measured,
            "warnings": self.warnings,
        }

    def save(self, folder: Path, *, extra: dict[str, Any] | None = None) -> None:
        """Write ``neurons.parquet`` and ``measures.json`` in one step, with a manifest."""
        with changing(folder) as new:
            self.neurons.to_parquet(new / NEURONS_FILE)
            write_json(new / MEASURES_FILE, without_nan((extra or {}) | self.to_dict()))


def read_analysis(folder: str | Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return ``measures.json`` and the neuron table of an analysis, if both are as they were written.

    Raises:
        CheckpointError: files that are missing, damaged or changed.
    """
    path = Path(folder)

    def read() -> tuple[dict[str, Any], pd.DataFrame]:
        try:
            measures = read_json(verified(path / MEASURES_FILE))
            return measures, pd.read_parquet(verified(path / NEURONS_FILE))
        except (OSError, ValueError) as error:
            raise CheckpointError(f"{folder} holds no analysis that can be read: {error}. Analyze anew.") from None

    return read_whole(path, read)


def checked_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise a CheckpointError where an analysis would be replaced without having been asked to.

    Raises:
        CheckpointError: the folder holds an analysis, or files under its names, and ``overwrite`` is off, or is a file.
    """
    if folder.is_file():
        raise CheckpointError(f"{folder} is a file; expected a folder to write the analysis to.")
    check_own_manifest(folder)
    for name in (MEASURES_FILE, NEURONS_FILE):
        if not overwrite and (folder / name).exists():
            raise CheckpointError(f"{folder / name} exists already. Name another folder with --out, or --overwrite.")


def analyze(
    model: HookedClassifier,
    data: Data,
    *,
    embeddings: Embeddings | None = None,
    vector_texts: Iterable[str] | None = None,
    layer: int = -1,
    at_init: bool = True,
    faithfulness_texts: int | None = None,
    naopc_texts: int | None = None,
    seed: int = 0,
    stages: Stages = lambda name: nullcontext(lambda done, total: None),
) -> Analysis:
    """Measure a classifier and the neurons of a layer on data of any size.

    Args:
        model: a classifier.
        data: rows with ``text`` and ``label``, as for :func:`safr_lens.stream_activations`; read several
            times; its token ids are kept, those of what has no length on disk, with its rows.
        embeddings: for monosemanticity and name fidelity, as in :func:`safr_lens.neurons.neuron_table`; by default word
            vectors of texts.
        vector_texts: which texts give them; by default those of the data. Where their words are too few for word
            vectors, what needs vectors is left out and named in ``not_measured``.
        layer: whose neurons; by default the last.
        at_init: also measure the architecture at random initialisation: what a measure gives without training. What
            needs ablation effects of neurons or VMASK's importance is not measured there.
        faithfulness_texts: texts (evenly spaced) for the faithfulness of the importance; 0 for none. By default 100,
            fewer where texts are long, since a text of n tokens takes 6 n forward passes; none without VMASK.
        naopc_texts: of these, how many for the normalised AOPC, whose bounds take most of the time; 0 for none. By
            default 20, fewer where texts are long; texts that are too long for it alone are passed over.
        seed: of permutations, resamples and the random initialisation.
        stages: gives, for a named stage, a context whose value is called with the steps done and all steps.

    Raises:
        ConfigError: a layer that the model does not have, or embeddings that cannot be used.
        DataError: data that cannot be measured.
    """
    for name, n_asked in (("the faithfulness", faithfulness_texts), ("the normalised AOPC", naopc_texts)):
        if n_asked is not None and (isinstance(n_asked, bool) or n_asked < 0):
            raise ConfigError(f"Expected 0 or more texts for {name}; got {shown(n_asked)}.")
    data = tokenized_once(labelled_rows(data, model.labels), model.tokenizer)
    fresh = untrained(model, seed=seed) if at_init else None
    with remembered_vectors(model, *([] if fresh is None else [fresh])):
        with stages("word vectors"):
            texts = Texts(data) if vector_texts is None else vector_texts
            table = analysis_vectors(model.tokenizer, texts, embeddings, seed=seed)
            vectors = table if table.isfinite().any() else None
        before: dict[str, Measurement] = {}
        corpus: CorpusStatistics | None = None
        if fresh is not None:  # first, since its statistics are not kept
            with stages("the same at random initialisation") as on_texts:
                before, corpus = _untrained_measurements(fresh, data, vectors, layer, seed, on_texts)
        with stages("reading neurons") as on_texts:
            statistics = collect_statistics(model, data, layer=layer, corpus=corpus, seed=seed, on_texts=on_texts)
        with stages("ablating MLPs"):
            inputs = _inputs(model, data, statistics, vectors, seed)
        if faithfulness_texts != 0 and model.vmask is not None:
            with stages("faithfulness") as on_step:
                numbers, n_bounded = affordable(statistics.corpus.offsets.diff(), faithfulness_texts)
                rows = rows_at(data, numbers)
                n_bounded = n_bounded if naopc_texts is None else min(naopc_texts, len(rows))
                options = {"max_texts": None, "naopc_texts": n_bounded, "seed": seed, "on_step": on_step}
                inputs = replace(inputs, faithfulness=faithfulness(model, rows, **options))
    measured = measurements(inputs)
    in_words = pieces_in_words(model.tokenizer, Texts(data), n_ctx=model.config.n_ctx)
    return Analysis(
        measurements=measured,
        at_init=before,
        neurons=table_of(model, statistics, vectors, inputs=inputs, in_words=in_words),
        statistics=statistics,
        faithfulness=inputs.faithfulness,
        coherence=coherence(model.adapter.w_out(statistics.layer).detach().float().cpu()),
        facts=_facts(statistics, vectors, seed),
        not_measured={
            name: why for name in MEASURES if name not in measured and (why := MEASURES[name].absent(inputs))
        },
        in_words=in_words,
    )


def _untrained_measurements(
    fresh: HookedClassifier, data: Data, vectors: Tensor | None, layer: int, seed: int, on_texts: OnTexts
) -> tuple[dict[str, Measurement], CorpusStatistics]:
    """Return what the untrained model measures, and the counts of the corpus."""
    statistics = collect_statistics(fresh, data, layer=layer, ablation=False, seed=seed, on_texts=on_texts)
    return measurements(_inputs(fresh, data, statistics, vectors, seed)), statistics.corpus


def _inputs(
    model: HookedClassifier,
    data: Iterable[dict[str, Any]],
    statistics: NeuronStatistics,
    vectors: Tensor | None,
    seed: int,
) -> Inputs:
    means = statistics.mlp_outputs
    ablated = ablated_predictions(model, data, means=means) if statistics.corpus.labelled else {}
    return Inputs(statistics, embeddings=vectors, ablated=ablated, seed=seed)


def _facts(statistics: NeuronStatistics, vectors: Tensor | None, seed: int) -> dict[str, Any]:
    corpus, types = statistics.corpus, statistics.types.types
    return {
        "layer": statistics.layer,
        "seed": seed,
        "n_texts": corpus.n_texts,
        "n_tokens": corpus.n_tokens,
        "n_cut": corpus.n_cut,
        "unknown_tokens": corpus.unknown_tokens,
        "n_types": int((corpus.type_counts > 0).sum()),
        "n_types_measured": len(types),
        "n_types_with_vector": 0 if vectors is None else int(vectors[types].isfinite().all(1).sum()),
        "n_groups": statistics.types.n_groups,
    }


def _settings(measured: Faithfulness) -> dict[str, Any]:
    return {name: value for name, value in measured.to_dict().items() if name not in PER_TEXT} | {
        "n_texts": len(measured.full)
    }


def _left_out(not_measured: dict[str, str]) -> list[str]:
    titles: dict[str, list[str]] = {}
    for name, why in not_measured.items():
        titles.setdefault(why, []).append(MEASURES[name].title)
    return [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} not measured: {why}" for why, names in titles.items()
    ]


def _warnings(measured: dict[str, Measurement], n_cut: int, n_texts: int) -> list[str]:
    warnings = []
    values = {name: one.estimate.value for name, one in measured.items()}
    lost = [values[name] for name in ("reliance_zero", "reliance_mean") if name in values]
    if lost and min(lost) < CARRIES:
        warnings.append(
            "Without its MLPs the model loses less than 5 points of accuracy, so its neurons do not carry the "
            "decision, and how readable they are says little about the model."
        )
    if values["silent_tokens"] > 0.05:
        warnings.append(f"{100 * values['silent_tokens']:.0f} % of the tokens have no active neuron at all.")
    if values["alive_neurons"] < 0.25:
        warnings.append(f"Only {100 * values['alive_neurons']:.0f} % of the neurons are alive.")
    for measure in neuron_measures():
        if measure.name in measured and (n := measured[measure.name].n_undefined):
            left_out = "neuron, which is" if n == 1 else "neurons, which are"
            warnings.append(f"{measure.title} is undefined for {n:,} alive {left_out} left out.")
    if n_cut:
        warnings.append(f"{n_cut:,} of {n_texts:,} texts were longer than the context and were cut.")
    return warnings
