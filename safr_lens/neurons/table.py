"""One row a neuron: what it fires at, how selectively, and what it does to the classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.activations.stream import Data
from safr_lens.data.rows import Texts
from safr_lens.measures.measurement import Inputs
from safr_lens.measures.registry import neuron_measures
from safr_lens.measures.scores import Scores
from safr_lens.measures.statistics import NeuronStatistics, OnTexts, collect_statistics
from safr_lens.measures.streams.type_means import TypeMeans
from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.piece_words import pieces_in_words
from safr_lens.word_vectors import Embeddings, analysis_vectors


def neuron_table(
    model: HookedClassifier,
    data: Data,
    *,
    layer: int = -1,
    embeddings: Embeddings | None = None,
    top: int = 10,
    seed: int = 0,
    on_texts: OnTexts | None = None,
) -> pd.DataFrame:
    """Return one row a neuron, measured on a corpus of any size.

    ====================================  ===========================================================================
    column                                what it says
    ====================================  ===========================================================================
    ``neuron``, ``alive``                 number; whether it is above 0 at one token or more
    ``firing_rate``, ``mean``, ``max``    over all real tokens
    ``lifetime_sparsity``                 Hoyer's, over all real tokens; 0 always alike, 1 a single firing
    ``top_class``                         the class whose mean activation is largest
    ``class_selectivity``                 :func:`safr_lens.measures.class_selectivity`
    ``token_selectivity``                 :func:`safr_lens.measures.token_selectivity`, types seen 5 times or more
    ``monosemanticity``                   :func:`safr_lens.measures.monosemanticity_score` of its mean activation by
                                          type
    ``name_fidelity``                     :func:`safr_lens.measures.name_fidelity` of its first five top words, on
                                          either half of the texts, tested on the other
    ``name_holds``                        whether that name holds, as defined there; false where it is undefined
    ``..._null``, ``..._above``           each of these scores under shuffled labels or types, and the difference; a
                                          score that was registered is here too
    ``top_words``                         the types with the largest mean activation; a piece of a word with the rest of
                                          the word in which it occurs most often in brackets, as ``un(fit)``
    ``logit_LABEL``                       what it writes to the class's logit at activation 1, before the final scale
    ``ablation_loss``                     loss gained in nats when it is set to 0; positive where it helps
    ``ablation_accuracy``                 accuracy lost when it is set to 0, as a share
    ``ablation_logit_LABEL``              change of the class's mean logit when it is set to 0
    ====================================  ===========================================================================

    What is undefined is NaN: selectivity of a dead neuron or of one that fires at rare types only, ablation below the
    last layer (see :func:`ablation_effects`), class selectivity without labels or with those of one class.

    Args:
        model: a classifier.
        data: texts, or rows with ``text`` and ``label``; read more than once.
        layer: whose neurons; by default the last.
        embeddings: for the monosemanticity score and the name fidelity: a table with one row a token id, a mapping from
            word to vector, or :class:`~safr_lens.word_vectors.WordVectors` or a file of them; by default word vectors
            of the data itself (the scores are NaN where it has too few words for them).
        top: how many top words.
        seed: of the permutations.
        on_texts: called with the number of texts done and of all, for progress.

    Raises:
        ConfigError: a layer that the model does not have, or embeddings that cannot be used.
        DataError: data without texts, or that can be read only once.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> texts = ["a good film", "a bad film", "a good story", "a bad story"] * 5
    >>> tokenizer = train_tokenizer(texts, min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> table = neuron_table(model, [{"text": text, "label": i % 2} for i, text in enumerate(texts)])
    >>> len(table), "token_selectivity_above" in table
    (32, True)
    """
    statistics = collect_statistics(model, data, layer=layer, seed=seed, n_groups=2, on_texts=on_texts)
    vectors = analysis_vectors(model.tokenizer, Texts(data), embeddings, seed=seed)
    in_words = pieces_in_words(model.tokenizer, Texts(data), n_ctx=model.config.n_ctx)
    return table_of(model, statistics, vectors, top=top, in_words=in_words)


def table_of(
    model: HookedClassifier,
    statistics: NeuronStatistics,
    embeddings: Float[Tensor, "d_vocab d_embed"] | None,
    *,
    top: int = 10,
    inputs: Inputs | None = None,
    in_words: Mapping[int, str] | None = None,
) -> pd.DataFrame:
    """Return the neuron table of statistics that were collected already; see :func:`neuron_table`.

    ``inputs`` holds both, where measurements of the same were computed already, whose scores need not be anew;
    ``in_words`` says how to show tokens that are pieces of words.
    """
    activity = statistics.activity
    columns: dict[str, Any] = {
        "neuron": range(len(activity.mean)),
        "alive": activity.alive.numpy(),
        "firing_rate": activity.firing_rate.numpy(),
        "mean": activity.mean.numpy(),
        "max": activity.max.numpy(),
        "lifetime_sparsity": activity.lifetime_sparsity.numpy(),
        "top_class": _top_class(model, statistics),
    }
    inputs = inputs or Inputs(statistics, embeddings)
    for measure in neuron_measures():
        scorer = measure.scorer(inputs)
        columns |= _columns(measure.name, Scores.undefined(statistics) if scorer is None else scorer(None))
    columns["name_holds"] = columns.pop("name_fidelity_holds", np.zeros(len(activity.mean), dtype=bool))
    means = statistics.types.means(null=False)
    listed = (top_words(model, means, neuron, in_words or {}, k=top) for neuron in columns["neuron"])
    columns["top_words"] = [[word for word, _, _ in words] for words in listed]
    effect = written(model, statistics.layer)
    columns |= {f"logit_{label}": effect[:, i].numpy() for i, label in enumerate(model.labels)}
    return pd.DataFrame(columns | _ablation_columns(model, statistics))


def top_words(
    model: HookedClassifier, means: TypeMeans, neuron: int, in_words: Mapping[int, str], *, k: int
) -> list[tuple[str, float, int]]:
    """Return the ``k`` token types of a neuron's largest means, with these and their counts; none at or below 0."""
    values, order = means.means[:, neuron].topk(min(k, len(means.types)))
    return [
        (in_words.get(token) or model.tokenizer.word(token), value, count)
        for token, value, count in zip(
            means.types[order].tolist(), values.tolist(), means.counts[order].tolist(), strict=True
        )
        if value > 0
    ]


def written(model: HookedClassifier, layer: int) -> Float[Tensor, "d_mlp n_classes"]:
    """Return what one unit of each neuron adds to the logits ahead of the norm's scale; NaN where nothing is linear."""
    if not model.adapter.capabilities.exact_decomposition:
        return torch.full((model.config.d_mlp, len(model.labels)), torch.nan)
    with torch.no_grad():
        return model.adapter.readout().direct(model.adapter.w_out(layer)).cpu()


def _columns(name: str, scores: Scores) -> dict[str, np.ndarray]:
    columns = {name: scores.values, f"{name}_null": scores.null, f"{name}_above": scores.above}
    columns |= {} if scores.holds is None else {f"{name}_holds": scores.holds}
    return {column: values.numpy() for column, values in columns.items()}


def _top_class(model: HookedClassifier, statistics: NeuronStatistics) -> list[str | None]:
    if statistics.classes is None:
        return [None] * len(statistics.activity.mean)
    means = statistics.classes.means()[0].nan_to_num(-torch.inf)
    best = means.argmax(0).tolist()
    return [
        model.labels[i] if alive else None for i, alive in zip(best, statistics.activity.alive.tolist(), strict=True)
    ]


def _ablation_columns(model: HookedClassifier, statistics: NeuronStatistics) -> dict[str, np.ndarray]:
    effects = statistics.ablation
    unknown = torch.full_like(statistics.activity.mean, torch.nan)
    columns = {
        "ablation_loss": unknown if effects is None else effects.loss_gained,
        "ablation_accuracy": unknown if effects is None else effects.accuracy_lost,
    }
    for i, label in enumerate(model.labels):
        columns[f"ablation_logit_{label}"] = unknown if effects is None else effects.logits[:, i]
    return {name: values.numpy() for name, values in columns.items()}
