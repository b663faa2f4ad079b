"""The logits of a text as an exact sum, as rows that a reader can add up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from safr_lens.neurons.explanation import TextExplanation
from safr_lens.views.names import NeuronName

N_NEURONS, MOST_NEURONS = 20, 50  # that have a row of their own


def neuron_sum(seen: TextExplanation, called: Mapping[int, str], top: Sequence[int]) -> list[tuple[str, list[float]]]:
    """Return summands of the logits: by name, what each adds to each class.

    The neurons of ``top``, whose names ``called`` has, all others together, and what does not pass through neurons of
    the last layer.
    """
    by_neuron = seen.parts.by_neuron()
    rest = torch.ones(len(by_neuron), dtype=torch.bool)
    rest[list(top)] = False
    rows = [(called[neuron], by_neuron[neuron].tolist()) for neuron in top]
    rows.append((f"all {int(rest.sum()):,} other neurons", by_neuron[rest.to(by_neuron.device)].sum(0).tolist()))
    return rows + [(seen.parts.other_names[name], value.sum(0).tolist()) for name, value in seen.parts.others.items()]


def signed_shares(
    seen: TextExplanation, row: Mapping[str, Any], called: Mapping[int, NeuronName]
) -> list[tuple[NeuronName, float]]:
    """Return the neurons in a row of the token table by name, each with its share of the token's evidence.

    A share is below 0 where the neuron speaks against the predicted class.
    """
    evidence = seen.attribution.evidence[row["position"]].tolist()
    return [
        (called[neuron], math.copysign(share, evidence[neuron]))
        for neuron, share in zip(row["neurons"], row["shares"], strict=True)
    ]
