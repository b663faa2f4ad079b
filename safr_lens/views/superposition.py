"""The superposition view: how far the tokens of a text share directions and neurons."""

from __future__ import annotations

from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import checked_layer
from safr_lens.neurons.explanation import TextExplanation, explain
from safr_lens.views.charts import bars, pair_matrix
from safr_lens.views.heatmaps import token_heatmap
from safr_lens.views.view import View

N_BARS = 24


def superposition(
    model: HookedClassifier,
    text: str | TextExplanation,
    *,
    layer: int = -1,
    threshold: float = 2.0,
    truncate: bool = False,
) -> View:
    """Show the overlap of the tokens' neuron vectors, their correlation by attention, and each token's capacity.

    Args:
        model: a classifier.
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
        layer: whose neurons and attention; by default the last.
        threshold: attention in multiples of uniform attention above which a pair counts as correlated.
        truncate: cut a text that is longer than the context instead of refusing it.

    Raises:
        ConfigError: a layer that the model does not have.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> superposition(model, "a good film")
    View('Superposition in a text')
    """
    layer = checked_layer(model, layer)
    seen = explain(model, text, truncate=truncate)
    shares, words = seen.capacity(layer).cpu(), seen.tokens
    defined = shares[~shares.isnan()]
    least = sorted(range(len(words)), key=lambda i: (shares[i].isnan().item(), shares[i].item()))[:N_BARS]
    content = {
        "seen": seen,
        "layer": layer,
        "threshold": threshold,
        "mean_capacity": defined.mean().item() if len(defined) else float("nan"),
        # of as many random directions
        "random_capacity": 1 / (1 + (len(words) - 1) / model.config.d_mlp),
        "heatmap": token_heatmap(words, shares.tolist(), color="#b39ddb"),
        "bars": bars({f"{i + 1} {words[i]}": shares[i].item() for i in sorted(least)}, label="capacity, 0 to 1"),
        "n_bars": len(least),
        "matrix": pair_matrix(
            words,
            seen.overlap(layer).cpu().numpy(),
            seen.correlation(layer, threshold=threshold).cpu().numpy(),
            lower_label="overlap (cosine), below",
            upper_label="correlation, above",
        ),
    }
    return View("Superposition in a text", "superposition", content)
