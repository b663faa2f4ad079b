"""Streams that measures bring along: fed in the same pass over the corpus as the shared ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from safr_lens.activations.corpus_statistics import CorpusStatistics
from safr_lens.measures.streams.dataclass_metric import DataclassMetric


@dataclass(frozen=True)
class StreamSetup:
    """What is known when a stream is made: counts of the corpus, sizes of the model, groups of texts and the seed.

    ``writes``: what each neuron adds to the logits at activation 1, ahead of the final norm's scale; None where the
    logits are no exact sum over the layer's neurons.
    """

    corpus: CorpusStatistics
    d_mlp: int
    n_classes: int
    n_groups: int
    seed: int
    writes: Float[Tensor, "d_mlp n_classes"] | None = None


@dataclass(frozen=True)
class ReadTexts:
    """What ``update`` of a stream gets: a few texts, one row a real token, text by text.

    Attributes:
        neurons: activations of the layer.
        tokens: token ids.
        numbers: the number of each token in the corpus, from 0.
        rows: which of these texts each token belongs to.
        lengths: tokens of each text.
        example: number of each text in the corpus.
        groups: the group that each text belongs to, for a jackknife.
        logits: of the classifier.
        labels: of the texts; -1 where there is none.
        importance: VMASK's gate at each token; 1 without VMASK.
        written: activations as the layer's output weights read them; None where ``writes`` of the setup is.
    """

    neurons: Float[Tensor, "n_tokens d_mlp"]
    tokens: Int[Tensor, " n_tokens"]
    numbers: Int[Tensor, " n_tokens"]
    rows: Int[Tensor, " n_tokens"]
    lengths: Int[Tensor, " n_texts"]
    example: Int[Tensor, " n_texts"]
    groups: Int[Tensor, " n_texts"]
    logits: Float[Tensor, "n_texts n_classes"]
    labels: Int[Tensor, " n_texts"]
    importance: Float[Tensor, " n_tokens"]
    written: Float[Tensor, "n_tokens d_mlp"] | None = None


# by the name of the measure; filled by register_measure
STREAMS: dict[str, Callable[[StreamSetup], DataclassMetric | None]] = {}
