"""The attention view: the pattern of each head, and the pairs that attend to each other."""

from __future__ import annotations

from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import checked_layer
from safr_lens.neurons.explanation import TextExplanation, explain
from safr_lens.neurons.shown_pairs import N_PAIRS, shown_pairs
from safr_lens.views.charts import pair_matrix
from safr_lens.views.components import head_patterns
from safr_lens.views.view import View

# circuitsvis draws each cell of each head: beyond this a browser is busy for seconds
MOST_TOKENS = 64


def attention(
    model: HookedClassifier,
    text: str | TextExplanation,
    *,
    layer: int = -1,
    threshold: float | None = None,
    truncate: bool = False,
) -> View:
    """Show a layer's attention head by head, and beside it which pairs of tokens attend to each other.

    Of a long text the first 64 tokens are drawn head by head; the pairs beside them are of the whole text. Which pairs
    the model's training compared, the view says too: by default they are not these, but related words.

    Args:
        model: a classifier.
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
        layer: by default the last.
        threshold: attention in multiples of uniform attention above which a pair is shown; by default that of the
            training, else 2.
        truncate: cut a text that is longer than the context instead of refusing it.

    Raises:
        ConfigError: a layer that the model does not have.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> attention(model, "a good film")
    View('Attention, and pairs that attend to each other')
    """
    layer = checked_layer(model, layer)
    seen = explain(model, text, truncate=truncate)
    pattern, words = seen.patterns[layer].cpu(), seen.tokens
    shown = shown_pairs(model, pairs="attention", threshold=threshold)
    correlation = shown.correlation(seen, layer).cpu()
    mean = pattern.mean(0)
    both = (mean + mean.T) / 2
    lift = len(words) * both
    drawn = words[:MOST_TOKENS]
    heads = pattern[:, : len(drawn), : len(drawn)].numpy()
    high = max(float(heads.max(initial=0.0)), 1e-3)
    upper = correlation.triu(1)
    ranked = upper.flatten().argsort(descending=True, stable=True)[:N_PAIRS].tolist()
    pairs = [(i, j) for i, j in (divmod(place, len(words)) for place in ranked) if upper[i, j] > 0]
    content = {
        "seen": seen,
        "layer": "The encoder's last layer" if model.config.backbone == "neuron_head" else f"Layer {layer}",
        "elsewhere": 1 - mean.sum(1).mean().item(),
        "compared": shown,
        "n_heads": len(heads),
        "n_drawn": len(drawn),
        "high": high,
        "heads": head_patterns(drawn, heads, high=high, color="#1565c0"),
        "matrix": pair_matrix(
            words,
            (both / both.max().clamp_min(1e-12)).numpy(),
            correlation.numpy(),
            lower_label="attention / largest, below",
            upper_label=f"{shown.name}, above",
        ),
        "pairs": [((words[i], i), (words[j], j), correlation[i, j].item(), lift[i, j].item()) for i, j in pairs],
    }
    return View("Attention, and pairs that attend to each other", "attention", content)
