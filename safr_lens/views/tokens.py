"""The tokens view: what is measured of each token of a text."""

from __future__ import annotations

from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.explanation import TextExplanation, explain
from safr_lens.neurons.token_table import token_table
from safr_lens.views.heatmaps import signed_token_heatmap, token_heatmap
from safr_lens.views.names import NeuronNames, Words
from safr_lens.views.sums import signed_shares
from safr_lens.views.view import View


def tokens(
    model: HookedClassifier,
    text: str | TextExplanation,
    *,
    words: Words | None = None,
    label: str | None = None,
    top: int = 3,
    truncate: bool = False,
) -> View:
    """Show importance (of a model with VMASK), capacity, active neurons and contributions of each token of a text.

    Args:
        model: a classifier.
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
        words: names for the neurons, see :class:`safr_lens.views.NeuronNames`.
        label: the true class, if it is known.
        top: how many neurons to name a token.
        truncate: cut a text that is longer than the context instead of refusing it.

    Raises:
        ConfigError: ``top`` below 0, or words of another number of neurons.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> tokens(model, "a good film")
    View('Token by token')
    """
    named = NeuronNames(model, words)
    seen = explain(model, text, truncate=truncate)
    table = token_table(model, seen, top=top)
    called = named.by_number(neuron for row in table["neurons"] for neuron in row)
    table["evidence"] = seen.evidence.tolist()
    table["attribution"] = [signed_shares(seen, row, called) for row in table.to_dict("records")]
    active = table["active"].tolist()
    importance = (
        "Importance",
        "VMASK's keep-probability, 0 to 1",
        token_heatmap(seen.tokens, seen.importance.tolist(), unknown=seen.unknown),
    )
    content = {
        "seen": seen,
        "label": label,
        "origin": named.origin,
        "heatmaps": [
            *([] if model.vmask is None else [importance]),
            (
                "Capacity",
                "fraction of a dimension not shared with the other tokens of the text, 0 to 1",
                token_heatmap(seen.tokens, table["capacity"].tolist(), color="#b39ddb", unknown=seen.unknown),
            ),
            (
                "Active neurons",
                f"of {model.config.d_mlp:,}; darkest: {max(active):,}",
                token_heatmap(seen.tokens, active, high=max(1, max(active)), color="#e0b341", unknown=seen.unknown),
            ),
            (
                "Evidence",
                "logits, against (orange) or for (blue) the predicted class",
                signed_token_heatmap(seen.tokens, seen.evidence.tolist(), unknown=seen.unknown),
            ),
        ],
        "table": table,
    }
    return View("Token by token", "tokens", content)
