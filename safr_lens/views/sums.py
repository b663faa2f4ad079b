"""The logits of a text as an exact sum, as rows that a reader can add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from safr_lens.neurons.explanation import TextExplanation


@dataclass(frozen=True)
class Part:
    """One summand: what it adds to each class, in logits."""

    name: str
    by_class: list[float]


@dataclass(frozen=True)
class Sums:
    """The logits as sums; each list of parts adds up to ``logits``.

    Attributes:
        labels: the classes.
        neurons: the named neurons, all others together, and what does not pass through neurons of the last layer.
        tokens: each token.
        logits: of the model.
    """

    labels: list[str]
    neurons: list[Part]
    tokens: list[Part]
    logits: list[float]


def sums_of(seen: TextExplanation, called: Mapping[int, str], top: Sequence[int]) -> Sums:
    """Return the sums of a text.

    Args:
        seen: the explanation of the text.
        called: names of neurons.
        top: the neurons that have a row of their own.
    """
    parts = seen.parts
    by_neuron = parts.by_neuron()
    rest = torch.ones(len(by_neuron), dtype=torch.bool)
    rest[list(top)] = False
    neurons = [Part(called[neuron], by_neuron[neuron].tolist()) for neuron in top]
    neurons.append(Part(f"all {int(rest.sum()):,} other neurons", by_neuron[rest.to(by_neuron.device)].sum(0).tolist()))
    neurons += [Part(parts.other_names[name], value.sum(0).tolist()) for name, value in parts.others.items()]
    tokens = zip(parts.tokens, parts.by_token().tolist(), strict=True)
    return Sums(list(parts.labels), neurons, [Part(*one) for one in tokens], parts.logits.tolist())
