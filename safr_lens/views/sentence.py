"""What one model makes of one text, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from safr_lens.measures.serving import top_words
from safr_lens.measures.streams.type_means import TypeMeans
from safr_lens.models.classifier import HookedClassifier
from safr_lens.views.components import Component, token_colors
from safr_lens.views.reading import Reading, read_text

IMPORTANCE = "#0f766e"
FOR, AGAINST = "#2166ac", "#b2182b"
N_NEURONS = 4
N_TOKENS = 6
N_RANKED = 4


@dataclass(frozen=True)
class ServedToken:
    """One row of the table of tokens: its evidence, and the neurons behind it."""

    token: str
    importance: float
    evidence: float
    neurons_for_half: int
    top: list[tuple[str, float]]


@dataclass(frozen=True)
class SentenceView:
    """What one model makes of one text."""

    model_name: str
    predicted: str
    probability: float
    tokens: list[str]
    importance: list[float]
    most_important: list[tuple[str, float]]
    least_important: list[tuple[str, float]]
    importance_view: Component
    neuron_views: list[tuple[str, Component]]
    served: list[ServedToken]


def sentence_view(model: HookedClassifier, text: str, means: TypeMeans, *, name: str) -> SentenceView:
    """Collect VMASK importance and the serving neurons of a text.

    Args:
        model: a classifier.
        text: cut to the context if it is longer.
        means: mean activations by token type, which give neurons their words.
        name: what to call the model.
    """
    reading = read_text(model, text, truncate=True)
    neurons = reading.served.top_neurons(N_NEURONS)
    evidence = reading.served.evidence[:, neurons]
    importance = reading.importance.tolist()
    ranked = sorted(zip(reading.tokens, importance, strict=True), key=lambda pair: -pair[1])
    return SentenceView(
        model_name=name,
        predicted=model.labels[reading.predicted],
        probability=reading.probabilities[reading.predicted].item(),
        tokens=reading.tokens,
        importance=importance,
        most_important=ranked[: min(N_RANKED, len(ranked) // 2)],
        least_important=ranked[::-1][: min(N_RANKED, len(ranked) // 2)],
        importance_view=token_colors(reading.tokens, importance, low=0.0, high=1.0, positive=IMPORTANCE),
        neuron_views=_neuron_views(reading.tokens, evidence, _labels(model, means, neurons)),
        served=_served_tokens(model, means, reading),
    )


def _neuron_views(tokens: list[str], evidence: torch.Tensor, labels: list[str]) -> list[tuple[str, Component]]:
    # one scale for all neurons of the text, so that their colours compare
    largest = max(evidence.abs().max().item(), 1e-12)
    return [
        (label, token_colors(tokens, column.tolist(), low=-largest, high=largest, positive=FOR, negative=AGAINST))
        for label, column in zip(labels, evidence.T, strict=True)
    ]


def _labels(model: HookedClassifier, means: TypeMeans, neurons: list[int]) -> list[str]:
    return [
        f"{neuron}: {', '.join(words) or 'rare words'}"
        for neuron, words in zip(neurons, top_words(model, means, neurons), strict=True)
    ]


def _served_tokens(model: HookedClassifier, means: TypeMeans, reading: Reading) -> list[ServedToken]:
    half = reading.served.neurons_for_half()
    rows = []
    for position in reading.evidence.abs().argsort(descending=True)[:N_TOKENS].tolist():
        shares, neurons = reading.served.share[position].topk(min(3, reading.served.share.shape[1]))
        labels = _labels(model, means, neurons.tolist())
        rows.append(
            ServedToken(
                token=reading.tokens[position],
                importance=reading.importance[position].item(),
                evidence=reading.evidence[position].item(),
                neurons_for_half=half[position],
                top=[(label, share) for label, share in zip(labels, shares.tolist(), strict=True) if share > 0],
            )
        )
    return rows
