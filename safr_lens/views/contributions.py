"""The contributions view: class logits as the exact sum of what tokens and neurons add."""

from __future__ import annotations

from safr_lens.checks import check_number
from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.explanation import TextExplanation, explain
from safr_lens.views.charts import bars
from safr_lens.views.heatmaps import signed_token_heatmap
from safr_lens.views.names import NeuronNames, Words
from safr_lens.views.sums import MOST_NEURONS, N_NEURONS, neuron_sum
from safr_lens.views.view import View

N_BARS = 12


def contributions(
    model: HookedClassifier,
    text: str | TextExplanation,
    *,
    words: Words | None = None,
    label: str | None = None,
    n_neurons: int = N_NEURONS,
    truncate: bool = False,
) -> View:
    """Show the logits of a text as the exact sum of its tokens' and of its neurons' contributions.

    Args:
        model: a classifier.
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
        words: names for the neurons, see :class:`safr_lens.views.NeuronNames`.
        label: the true class, if it is known.
        n_neurons: how many neurons have a row of their own, 1 to 50.
        truncate: cut a text that is longer than the context instead of refusing it.

    Raises:
        ConfigError: ``n_neurons`` out of range, or words of another number of neurons.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> contributions(model, "a good film")
    View('Exact decomposition of a prediction')
    """
    check_number("n_neurons", n_neurons, low=1, high=MOST_NEURONS, whole=True)
    named = NeuronNames(model, words)
    seen = explain(model, text, truncate=truncate)
    top = seen.attribution.top_neurons(n_neurons)
    called = named.by_number(top)
    by_neuron = seen.attribution.evidence.sum(0)
    strongest = sorted(seen.evidence.abs().argsort(descending=True)[:N_BARS].tolist())
    by_token = seen.parts.by_token()
    largest = by_token.abs().max().item()
    content = {
        "seen": seen,
        "label": label,
        "origin": named.origin,
        "token_sum": list(zip(seen.tokens, by_token.tolist(), strict=True)),
        "heatmaps": [
            (
                name,
                signed_token_heatmap(seen.tokens, by_token[:, number].tolist(), largest=largest, unknown=seen.unknown),
            )
            for number, name in enumerate(model.labels)
        ],
        "token_bars": bars(
            {f"{i + 1} {seen.tokens[i]}": seen.evidence[i].item() for i in strongest}, label="evidence, logits"
        ),
        "neuron_bars": bars({called[n]: by_neuron[n].item() for n in top[:N_BARS]}, label="evidence, logits"),
        "neuron_sum": neuron_sum(seen, called, top),
    }
    return View("Exact decomposition of a prediction", "contributions", content)
