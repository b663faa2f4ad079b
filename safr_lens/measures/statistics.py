"""Everything that is measured about the neurons of a layer, streamed over a corpus in one pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.corpus_statistics import CorpusStatistics, corpus_statistics
from safr_lens.activations.means import RunningMeans
from safr_lens.activations.stream import Data
from safr_lens.measures.finite import finite_activations
from safr_lens.measures.nulls import shuffled
from safr_lens.measures.streams.ablation import AblationEffects, AblationStream, MlpReadout
from safr_lens.measures.streams.activity import Activity, NeuronActivity
from safr_lens.measures.streams.class_means import ClassActivations, ClassSums
from safr_lens.measures.streams.registered import STREAMS, ReadTexts, StreamSetup
from safr_lens.measures.streams.second_moment import MomentRanks, SecondMoment
from safr_lens.measures.streams.text_figures import TextFigures, TextFigureStream
from safr_lens.measures.streams.type_means import MAX_TYPES, MIN_COUNT, TypeActivations, TypeSums
from safr_lens.models.classifier import GATE, POOLED, HookedClassifier
from safr_lens.models.indexing import checked_layer
from safr_lens.processes import process_share

N_GROUPS = 8
RANK_TOKENS = 20_000
OnTexts = Callable[[int, int], None]


@dataclass(frozen=True)
class NeuronStatistics:
    """What one pass over a corpus tells about the neurons of a layer.

    Attributes:
        layer: which, from 0.
        corpus: types, lengths and labels.
        activity: how often and how strongly each neuron fires.
        types: sums by token type, with shuffled types beside them, by group of sentences.
        classes: sums by class, with shuffled labels beside them; None where texts have no label.
        texts: the numbers of each text.
        ranks: how many dimensions the tokens' neuron vectors fill; of whole texts drawn at random, about 20,000 tokens.
        ablation: the effect of zero-ablating each neuron; None below the last layer, where it takes a run a neuron
            (:func:`safr_lens.neurons.ablation_effects`).
        mlp_outputs: mean output of each layer's MLP over the tokens, by hook point; empty without ``effects``.
        more: results of the streams that measures brought along, by their names.
    """

    layer: int
    corpus: CorpusStatistics
    activity: Activity
    types: TypeSums
    classes: ClassSums | None
    texts: TextFigures
    ranks: MomentRanks | None
    ablation: AblationEffects | None
    mlp_outputs: Mapping[str, Tensor] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        corpus = f"{self.corpus.n_texts:,} texts, {self.corpus.n_tokens:,} tokens"
        return f"<NeuronStatistics of layer {self.layer}: {len(self.activity.mean):,} neurons; {corpus}>"


def collect_statistics(
    model: HookedClassifier,
    data: Data,
    *,
    layer: int = -1,
    min_count: int = MIN_COUNT,
    max_types: int = MAX_TYPES,
    n_groups: int = N_GROUPS,
    effects: bool = True,
    ablation: bool = True,
    corpus: CorpusStatistics | None = None,
    seed: int = 0,
    on_texts: OnTexts | None = None,
) -> NeuronStatistics:
    """Read the data twice, once for its types and once through the model.

    In several processes (a launch by ``accelerate`` or ``torchrun``) each runs the model on its share of the batches,
    and all get the whole result.

    Args:
        model: a classifier.
        data: texts, or rows with ``text`` and ``label``.
        layer: whose neurons; by default the last.
        min_count: token types seen less often are left out.
        max_types: only so many types are kept, the most frequent ones; bounds the memory.
        n_groups: groups of sentences for confidence intervals.
        effects: measure ranks, ablation effects and mean outputs of the MLPs too.
        ablation: whether ablation effects are among these.
        corpus: the counts of the data, if they are known already.
        seed: of permutations and groups.
        on_texts: called with the number of texts done and of all, for progress.

    Raises:
        ConfigError: a layer that the model does not have.
        DataError: data without texts, that can be read only once, or with unknown labels.
    """
    layer = checked_layer(model, layer)
    corpus = corpus or corpus_statistics(model, data)
    chosen = {"min_count": min_count, "max_types": max_types}
    asked = {"effects": effects, "ablation": ablation}
    streams = _Streams(model, corpus, layer, n_groups=n_groups, seed=seed, **asked, **chosen)
    backbone = model.adapter
    hooks = [backbone.readable_neurons(layer), GATE, POOLED, *streams.outputs.names]
    hooks += [backbone.neurons(layer)] if streams.exact else []
    hooks += [backbone.residual(layer)] if streams.ablation is not None else []
    process, n_processes = process_share()
    done = 0
    for batch in finite_activations(model, data, hooks, process=process, n_processes=n_processes):
        streams.update(batch)
        done += len(batch.example) * n_processes
        if on_texts:
            on_texts(min(done, corpus.n_texts), corpus.n_texts)
    return streams.result()


class _Streams:
    """The metrics that a pass feeds."""

    def __init__(
        self,
        model: HookedClassifier,
        corpus: CorpusStatistics,
        layer: int,
        *,
        n_groups: int,
        effects: bool,
        ablation: bool,
        seed: int,
        **chosen: int,
    ) -> None:
        self.corpus, self.backbone, self.layer, self.seed = corpus, model.adapter, layer, seed
        self.n_groups = min(n_groups, corpus.n_texts)
        d_mlp, n_classes, last = model.config.d_mlp, len(model.labels), layer == model.config.n_layers - 1
        drawn = {"n_groups": self.n_groups, "seed": seed}
        self.activity = NeuronActivity(d_mlp)
        self.types = TypeActivations(corpus.type_counts, d_mlp, **chosen, **drawn)
        self.classes = ClassActivations(corpus.labels, n_classes, d_mlp, **drawn) if corpus.labelled else None
        self.texts = TextFigureStream()
        self.ranks = SecondMoment(d_mlp) if effects else None
        layers = range(model.config.n_layers if effects else 0)
        self.outputs = RunningMeans([model.adapter.mlp_output(one) for one in layers])
        self.exact = effects and last and model.adapter.capabilities.exact_decomposition
        mlp = MlpReadout.of(model.adapter) if self.exact else None
        pooling = model.config.pooling
        self.ablation = AblationStream(mlp, pooling=pooling) if mlp is not None and ablation else None
        writes = None if mlp is None else mlp.out @ mlp.readout.weight
        made = {
            name: make(StreamSetup(corpus, d_mlp, n_classes, self.n_groups, seed, writes))
            for name, make in STREAMS.items()
        }
        self.more = {name: metric for name, metric in made.items() if metric is not None}
        for metric in (*vars(self).values(), *self.more.values()):
            if isinstance(metric, torch.nn.Module):
                metric.to(model.device)

    def update(self, batch: ActivationBatch) -> None:
        corpus, backbone, layer = self.corpus, self.backbone, self.layer
        place = shuffled(batch.example, corpus.n_texts, seed=self.seed)
        read = ReadTexts(
            neurons=batch.activations[backbone.readable_neurons(layer)].float(),
            tokens=batch.tokens,
            numbers=corpus.token_numbers(batch),
            rows=batch.rows,
            lengths=batch.lengths,
            example=batch.example,
            groups=place % self.n_groups,
            logits=batch.activations[POOLED],
            labels=batch.labels,
            importance=batch.activations[GATE],
            written=None if not self.exact else batch.activations[backbone.neurons(layer)].float(),
        )
        neurons, lengths = read.neurons, read.lengths
        self.outputs.add(batch)
        self.activity.update(neurons)
        self.types.update(neurons, read.tokens, read.numbers, read.groups[read.rows])
        if self.classes is not None:
            sums = neurons.new_zeros(len(lengths), neurons.shape[1]).index_add_(0, batch.rows, neurons)
            self.classes.update(sums, lengths, read.example, read.groups)
        self.texts.update(neurons, lengths, read.example, read.logits, read.labels)
        for metric in self.more.values():
            metric.update(read)
        if self.ranks is not None:
            drawn = place < max(1, corpus.n_texts * RANK_TOKENS // corpus.n_tokens)
            self.ranks.update(neurons[drawn[batch.rows]])
        if self.ablation is not None and read.written is not None:
            self.ablation.update(read.written, batch.activations[backbone.residual(layer)], lengths, batch.labels)

    def result(self) -> NeuronStatistics:
        return NeuronStatistics(
            layer=self.layer,
            corpus=self.corpus,
            activity=_on_cpu(self.activity.taken()),
            types=_on_cpu(self.types.taken()),
            classes=None if self.classes is None else _on_cpu(self.classes.taken()),
            texts=self.texts.taken(),
            ranks=None if self.ranks is None else self.ranks.compute(),
            ablation=None if self.ablation is None else self.ablation.taken(),
            mlp_outputs=self.outputs.result(shared=True),
            more={name: metric.taken() for name, metric in self.more.items()},
        )


def _on_cpu(result: Any) -> Any:
    moved = {name: value.cpu() if isinstance(value, Tensor) else value for name, value in vars(result).items()}
    return type(result)(**moved)
