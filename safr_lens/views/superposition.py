"""The superposition view: how far the tokens of a text share directions and neurons."""

from __future__ import annotations

import numpy as np

from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import checked_layer
from safr_lens.neurons.explanation import TextExplanation, explain
from safr_lens.neurons.shown_pairs import shown_pairs
from safr_lens.views.charts import bars, pair_matrix
from safr_lens.views.heatmaps import token_heatmap
from safr_lens.views.names import layer_name
from safr_lens.views.view import View
from safr_lens.word_vectors import Embeddings

N_BARS = 24


def superposition(
    model: HookedClassifier,
    text: str | TextExplanation,
    *,
    layer: int = -1,
    pairs: str | None = None,
    threshold: float | None = None,
    word_vectors: Embeddings | None = None,
    truncate: bool = False,
) -> View:
    """Show the overlap of the tokens' neuron vectors, which of them are correlated, and each token's capacity.

    Args:
        model: a classifier.
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
        layer: whose neurons and attention; by default the last.
        pairs, threshold, word_vectors: which pairs count as correlated, as in :func:`safr_lens.pair_table`; by default
            those that the model's training compared. Where word vectors are missing, the view says so.
        truncate: cut a text that is longer than the context instead of refusing it.

    Raises:
        ConfigError: a layer that the model does not have, or a choice of pairs without meaning.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> superposition(model, "a good film")
    View('Superposition in a text')
    """
    layer = checked_layer(model, layer)
    compared = shown_pairs(model, pairs=pairs, threshold=threshold, word_vectors=word_vectors)
    seen = explain(model, text, truncate=truncate)
    shares, words = seen.capacity(layer).cpu(), seen.tokens
    defined = shares[~shares.isnan()]
    overlap = seen.overlap(layer).cpu().numpy()
    correlation = np.zeros_like(overlap) if compared.missing else compared.correlation(seen, layer).cpu().numpy()
    least = sorted(range(len(words)), key=lambda i: (shares[i].isnan().item(), shares[i].item()))[:N_BARS]
    content = {
        "seen": seen,
        "layer": layer_name(model, layer),
        "compared": compared,
        "mean_capacity": defined.mean().item() if len(defined) else float("nan"),
        # of as many random directions
        "random_capacity": 1 / (1 + (len(words) - 1) / model.config.d_mlp),
        "heatmap": token_heatmap(words, shares.tolist(), color="#b39ddb", unknown=seen.unknown),
        "bars": bars({f"{i + 1} {words[i]}": shares[i].item() for i in sorted(least)}, label="capacity, 0 to 1"),
        "n_bars": len(least),
        "matrix": pair_matrix(
            words,
            overlap,
            correlation,
            lower_label="overlap (cosine), below",
            upper_label="not shown" if compared.missing else f"{compared.name}, above",
        ),
    }
    return View("Superposition in a text", "superposition", content)
