"""Whether neurons say different things: a thousand neurons for one word are selective, and of no use."""

from __future__ import annotations

from collections import Counter

import pandas as pd

SCORES = ("token_selectivity", "monosemanticity", "class_selectivity")


def redundancy_figures(neurons: pd.DataFrame) -> dict[str, float]:
    """Return how many favourite words the alive neurons have, and scores weighted by what neurons do.

    A plain mean over neurons counts a thousand copies a thousand times, and a neuron that the model does not need as
    much as one that it does. Here a neuron weighs by the absolute change of the loss when it is ablated.

    Args:
        neurons: as :attr:`safr_lens.analysis.Analysis.neurons`.

    Returns:
        ``favourite_words``: different first words in ``top_words``; ``largest_share``: share of the neurons with the
        most frequent of them; ``carrying_neurons``: over how many neurons the effect is spread, (sum e)^2 / sum e^2: 1
        if one neuron decides everything; ``<score>_by_effect``: above its null; ``defined_by_effect``: the share of the
        effect that neurons with a monosemanticity score have.
    """
    alive = neurons[neurons["alive"]]
    first = Counter(words[0] for words in alive["top_words"] if len(words))
    effect = alive["ablation_loss"].abs()
    found = {
        "favourite_words": float(len(first)),
        "largest_share": max(first.values(), default=0) / max(len(alive), 1),
        "carrying_neurons": effect.sum() ** 2 / (effect**2).sum(),
        "defined_by_effect": effect[alive["monosemanticity_above"].notna()].sum() / effect.sum(),
    }
    for score in SCORES:
        values = alive[f"{score}_above"]
        known = values.notna()
        found[f"{score}_by_effect"] = (values[known] * effect[known]).sum() / effect[known].sum()
    return {name: float(value) for name, value in found.items()}
