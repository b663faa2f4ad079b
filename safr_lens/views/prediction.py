"""One prediction explained: label, probabilities, and the tokens and neurons behind it, as plain values."""

from __future__ import annotations

from typing import Any

from safr_lens.models.classifier import HookedClassifier
from safr_lens.views.reading import read_text


def explain(model: HookedClassifier, text: str, *, truncate: bool = False, top: int = 6) -> dict[str, Any]:
    """Return what a model says of a text and why, ready for JSON.

    Args:
        model: a classifier.
        text: the text.
        truncate: cut a text that is longer than the context.
        top: how many tokens and neurons to name.

    Returns:
        ``label``, ``probability``, ``probabilities`` by class, and the strongest ``tokens`` and ``neurons``; evidence
        is the contribution to the predicted class's logit minus the mean of those to the other classes.

    Raises:
        TextError: a text that the model cannot read.
    """
    reading = read_text(model, text, truncate=truncate)
    served = reading.served
    half = served.neurons_for_half()
    by_neuron = served.evidence.sum(0)

    def token_row(position: int) -> dict[str, Any]:
        shares, neurons = served.share[position].topk(min(3, served.share.shape[1]))
        return {
            "token": reading.tokens[position],
            "position": position,
            "importance": reading.importance[position].item(),
            "evidence": reading.evidence[position].item(),
            "neurons_for_half": half[position],
            "neurons": [
                {"neuron": int(n), "share": share.item()} for n, share in zip(neurons, shares, strict=True) if share > 0
            ],
        }

    def neuron_row(neuron: int) -> dict[str, Any]:
        position = int(served.evidence[:, neuron].abs().argmax())
        return {"neuron": neuron, "evidence": by_neuron[neuron].item(), "token": reading.tokens[position]}

    strongest_tokens = reading.evidence.abs().argsort(descending=True)[:top].tolist()
    strongest_neurons = by_neuron.abs().argsort(descending=True)[:top].tolist()
    return {
        "text": text,
        "label": model.labels[reading.predicted],
        "probability": reading.probabilities[reading.predicted].item(),
        "probabilities": dict(zip(model.labels, reading.probabilities.tolist(), strict=True)),
        "tokens": [token_row(position) for position in strongest_tokens],
        "neurons": [neuron_row(neuron) for neuron in strongest_neurons if by_neuron[neuron] != 0],
    }
