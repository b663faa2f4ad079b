"""The dashboard of one neuron: what it fires at, how selectively, and what it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.stream import Data
from safr_lens.analysis import Analysis
from safr_lens.checks import check_number
from safr_lens.data.rows import Texts
from safr_lens.measures.estimate import jackknife
from safr_lens.measures.registry import neuron_measures
from safr_lens.measures.statistics import NeuronStatistics, collect_statistics
from safr_lens.measures.streams.type_means import TypeMeans
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import checked_layer, checked_neurons
from safr_lens.models.words import text_activations
from safr_lens.neurons.piece_words import pieces_in_words
from safr_lens.neurons.read_table import checked_table
from safr_lens.neurons.table import table_of, top_words
from safr_lens.neurons.top_activations import top_activations
from safr_lens.views.charts import Chart, bars, histogram
from safr_lens.views.heatmaps import token_heatmap
from safr_lens.views.names import NeuronNames, is_doubted, layer_name
from safr_lens.views.view import View
from safr_lens.word_vectors import Embeddings, analysis_vectors

N_BINS = 30
N_NEAREST = 6
N_WORDS = 12
ACTIVATION = "#e8956b"


def neuron(
    model: HookedClassifier,
    data: Data,
    neuron: int,
    *,
    layer: int = -1,
    k: int = 10,
    window: int = 12,
    embeddings: Embeddings | None = None,
    analysis: Analysis | None = None,
    seed: int = 0,
) -> View:
    """Show what a neuron fires at, how selectively, and what it does to the classes.

    Args:
        model: a classifier.
        data: texts, or rows with ``text`` and ``label``; read several times.
        neuron: its number.
        layer: by default the last.
        k: how many of the texts in which it is most active.
        window: tokens of context on each side.
        embeddings: for monosemanticity and name fidelity, as in :func:`safr_lens.neuron_table`.
        analysis: of the same model, data and layer by :func:`safr_lens.analyze`, so that several neurons can be shown
            without measuring all of them anew.
        seed: of the permutations.

    Raises:
        ConfigError: a neuron or layer that the model does not have, ``k`` below 1, or an analysis of another layer.
        DataError: data without texts, or that can be read only once.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> texts = ["a good film", "a bad film", "a good story", "a bad story"] * 5
    >>> tokenizer = train_tokenizer(texts, min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> view = neuron(model, [{"text": text, "label": i % 2} for i, text in enumerate(texts)], 3)
    >>> view
    View('Neuron 3 of layer 0')
    """
    (view,) = dashboards(
        model, data, [neuron], layer=layer, k=k, window=window, embeddings=embeddings, analysis=analysis, seed=seed
    )
    return view


def dashboards(
    model: HookedClassifier,
    data: Data,
    neurons: Sequence[int],
    *,
    layer: int = -1,
    k: int = 10,
    window: int = 12,
    embeddings: Embeddings | None = None,
    analysis: Analysis | None = None,
    seed: int = 0,
) -> list[View]:
    """Return what :func:`neuron` returns for each of some neurons, in one pass over the data for all of them."""
    check_number("k", k, low=1, whole=True)
    check_number("window", window, low=0, whole=True)
    layer = checked_layer(model, layer)
    numbers = [number for one in neurons for number in checked_neurons(model, one)]
    statistics, table, in_words = _measured(model, data, layer, embeddings, analysis, seed)
    firing = _Firing(
        model, data, {n: table.iloc[n]["max"] for n in numbers if table.iloc[n]["alive"]}, layer, k, window
    )
    means = statistics.types.means(null=False)
    return [_dashboard(model, number, statistics, table, means, in_words, firing) for number in numbers]


def _dashboard(
    model: HookedClassifier,
    number: int,
    statistics: NeuronStatistics,
    table: pd.DataFrame,
    means: TypeMeans,
    in_words: Mapping[int, str],
    firing: _Firing,
) -> View:
    row = table.iloc[number]
    content = {
        "neuron": number,
        "layer": statistics.layer,
        "row": row.to_dict(),
        "doubted": is_doubted(row.to_dict()),
        "n_texts": statistics.corpus.n_texts,
        "n_tokens": statistics.activity.n_tokens,
        "scores": [(measure.title, measure.name) for measure in neuron_measures()],
        "words": top_words(model, means, number, in_words, k=N_WORDS),
        "examples": firing.examples(number) if row["alive"] else [],
        "histogram": firing.histogram(number) if row["alive"] else None,
        "class_means": _class_means(model, statistics, number),
        "logit_effect": bars({name: row[f"logit_{name}"] for name in model.labels}, label="logits at activation 1"),
        "labels": model.labels,
        "scaled": model.adapter.readout_scale is not None,
        "pieces": model.config.encoder is not None,
        "nearest": _nearest(model, means, table, number, statistics.layer),
    }
    return View(f"Neuron {number} of {layer_name(model, statistics.layer)}", "neuron", content)


class _Firing:
    """Where some neurons fire: the texts in which they are most active, and how often they are how active.

    ``highest`` has the largest activation of each of them, by its number; the rest is as for :func:`neuron`.
    """

    def __init__(
        self, model: HookedClassifier, data: Data, highest: Mapping[int, float], layer: int, k: int, window: int
    ) -> None:
        self.model, self.window, self.name = model, window, model.adapter.readable_neurons(layer)
        self.chosen = sorted(highest)
        self.edges = [torch.linspace(0.0, float(highest[n]) * (1 + 1e-6), N_BINS + 1) for n in self.chosen]
        self.counts = torch.zeros(len(self.chosen), len(model.labels) + 1, N_BINS)
        if not self.chosen:
            return
        self.top = top_activations(model, data, self.chosen, k, layer=layer, window=window, on_batch=self._count)
        wanted = set(self.top["example"])
        self.texts = {number: text for number, text in enumerate(Texts(data)) if number in wanted}

    def _count(self, batch: ActivationBatch, values: Float[Tensor, "n_tokens n_chosen"]) -> None:
        labels = batch.labels[batch.rows].cpu()
        for column, edges in enumerate(self.edges):
            of_neuron = values[:, column].float()
            for place in range(-1, len(self.model.labels)):  # -1 stands for texts without a label
                chosen = of_neuron[(labels == place) & (of_neuron > 0)]
                self.counts[column, place] += torch.histc(chosen, N_BINS, 0.0, edges[-1].item())

    def examples(self, number: int) -> list[dict[str, Any]]:
        """Return the texts in which a neuron is most active, each around its most active token."""
        top = self.top[self.top["neuron"] == number]
        high = top["activation"].max()
        examples = []
        for row in top.to_dict("records"):
            seen = text_activations(self.model, self.texts[row["example"]], [self.name], truncate=True)
            start, end = max(0, row["position"] - self.window), row["position"] + self.window + 1
            values = seen[self.name][0, start:end, number].tolist()
            unknown = seen.unknown[start:end]
            heatmap = token_heatmap(seen.words[start:end], values, high=high, color=ACTIVATION, unknown=unknown)
            examples.append(row | {"excerpt": start > 0 or end < len(seen.words), "heatmap": heatmap})
        return examples

    def histogram(self, number: int) -> Chart:
        """Return how often a neuron is how active, by class."""
        place = self.chosen.index(number)
        counts = self.counts[place]
        series = {label: counts[i].tolist() for i, label in enumerate(self.model.labels) if counts[i].any()}
        if counts[-1].any():
            series["no label"] = counts[-1].tolist()
        return histogram(self.edges[place].tolist(), series, label="activation above 0")


def _measured(
    model: HookedClassifier,
    data: Data,
    layer: int,
    embeddings: Embeddings | None,
    analysis: Analysis | None,
    seed: int,
) -> tuple[NeuronStatistics, pd.DataFrame, Mapping[int, str]]:
    if analysis is not None:
        return analysis.statistics_of(layer), checked_table(model, analysis.neurons, layer=layer), analysis.in_words
    statistics = collect_statistics(model, data, layer=layer, seed=seed)
    vectors = analysis_vectors(model.tokenizer, Texts(data), embeddings, seed=seed)
    in_words = pieces_in_words(model.tokenizer, Texts(data), n_ctx=model.config.n_ctx)
    return statistics, table_of(model, statistics, vectors, in_words=in_words), in_words


def _class_means(model: HookedClassifier, statistics: NeuronStatistics, number: int) -> Chart | None:
    if statistics.classes is None:
        return None
    classes = statistics.classes
    means = {label: classes.means()[0, i, number].item() for i, label in enumerate(model.labels)}
    spans = {
        label: jackknife(
            lambda group, i=i: classes.means(without=group)[0, i, number].item(), classes.n_groups
        ).interval()
        for i, label in enumerate(model.labels)
    }
    return bars(means, label="mean activation, 95 % interval", spans=spans)


def _nearest(
    model: HookedClassifier, means: TypeMeans, table: pd.DataFrame, number: int, layer: int
) -> list[tuple[str, float, float]]:
    """Return near neurons with the cosine of mean activations by word, and of output directions."""
    profile = _cosines(means.means.T, number)
    output = _cosines(model.adapter.w_out(layer).detach().float().cpu(), number)
    order = [n for n in profile.argsort(descending=True).tolist() if n != number and profile[n] > 0][:N_NEAREST]
    named = NeuronNames(model, table, layer=layer).of(order)
    return [(name, profile[n].item(), output[n].item()) for n, name in zip(order, named, strict=True)]


def _cosines(rows: Tensor, number: int) -> Tensor:
    unit = torch.nn.functional.normalize(rows.double(), dim=1)
    return unit @ unit[number]
