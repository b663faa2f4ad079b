"""The logits of a text as an exact sum, as rows that a reader can add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from safr_lens.neurons.explanation import TextExplanation


def neuron_sum(seen: TextExplanation, called: Mapping[int, str], top: Sequence[int]) -> list[tuple[str, list[float]]]:
    """Return summands of the logits: by name, what each adds to each class.

    The neurons that have a row of their own, all others together, and what does not pass through neurons of the last
    layer.

    Args:
        seen: the explanation of the text.
        called: names of neurons.
        top: the neurons that have a row of their own.
    """
    by_neuron = seen.parts.by_neuron()
    rest = torch.ones(len(by_neuron), dtype=torch.bool)
    rest[list(top)] = False
    rows = [(called[neuron], by_neuron[neuron].tolist()) for neuron in top]
    rows.append((f"all {int(rest.sum()):,} other neurons", by_neuron[rest.to(by_neuron.device)].sum(0).tolist()))
    return rows + [(seen.parts.other_names[name], value.sum(0).tolist()) for name, value in seen.parts.others.items()]
