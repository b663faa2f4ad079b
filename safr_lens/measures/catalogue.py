"""What each figure is called, how it is written, which way is better, and what it says."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """How a figure is shown.

    Attributes:
        title: for people, with the unit.
        scale: what the figure is multiplied with for that unit.
        digits: behind the point.
        better: ``"higher"``, ``"lower"`` or ``"neither"``.
        meaning: one or two sentences.
    """

    title: str
    scale: float
    digits: int
    better: str
    meaning: str

    def shown(self, value: float, *, sign: bool = False) -> str:
        """Return a value as text in the figure's unit; a dash for what is undefined."""
        if value is None or not math.isfinite(value):
            return "–"
        return f"{self.scale * value:{'+' if sign else ''},.{self.digits}f}"


CATALOGUE = {
    "accuracy": Entry("accuracy, %", 100, 1, "higher", "Share of texts classified right."),
    "loss": Entry("loss, nats", 1, 3, "lower", "Mean cross-entropy."),
    "reliance_zero": Entry(
        "reliance (MLP set to 0), points",
        100,
        1,
        "higher",
        "Accuracy lost without the MLPs. Under 5, the neurons do not carry the decision.",
    ),
    "reliance_mean": Entry(
        "reliance (MLP set to its mean), points",
        100,
        1,
        "higher",
        "The same, but the constant that the MLPs add is kept.",
    ),
    "capacity": Entry(
        "capacity",
        1,
        3,
        "higher",
        "0 to 1: how much of a direction each token has to itself among the tokens of its text. Blind to rotation: it "
        "cannot tell neurons from mixtures of them.",
    ),
    "token_selectivity": Entry(
        "token selectivity",
        1,
        3,
        "higher",
        "0 to 1: 1 for a neuron of one token type. Rare firing alone raises it: judge it above its null (types "
        "shuffled).",
    ),
    "class_selectivity": Entry(
        "class selectivity",
        1,
        3,
        "higher",
        "0 to 1: 1 for a neuron that fires in texts of one class only. Rare firing alone raises it: judge it above its "
        "null (labels shuffled).",
    ),
    "monosemanticity": Entry(
        "monosemanticity (MS)",
        1,
        4,
        "higher",
        "-1 to 1: mean cosine of the word vectors of what a neuron fires on; judge it above its null (types shuffled).",
    ),
    "population_sparsity": Entry(
        "population sparsity (Hoyer)",
        1,
        3,
        "neither",
        "0 to 1: 1 for a token with one active neuron. Silent tokens have none and are left out.",
    ),
    "active_per_token": Entry("active neurons per token", 1, 1, "lower", "Fewer are easier to read, unless none is."),
    "silent_tokens": Entry(
        "silent tokens, %", 100, 1, "lower", "Tokens without an active neuron: a score won by silence is not won."
    ),
    "alive_neurons": Entry("alive neurons, %", 100, 1, "higher", "Neurons that are active at one token or more."),
    "effective_rank": Entry(
        "effective rank", 1, 1, "neither", "Dimensions that the neuron vectors of tokens fill, by entropy."
    ),
    "participation_ratio": Entry(
        "participation ratio", 1, 1, "neither", "The same, by the inverse of the squared shares of variance."
    ),
    "comprehensiveness": Entry(
        "comprehensiveness of importance",
        1,
        3,
        "higher",
        "Probability lost when the most important tokens are deleted; judge it above random rankings.",
    ),
    "sufficiency": Entry(
        "sufficiency of importance",
        1,
        3,
        "lower",
        "Probability lost when only the most important tokens are kept; judge it below random rankings.",
    ),
    "aopc": Entry(
        "AOPC of importance",
        1,
        3,
        "higher",
        "Mean probability lost as tokens are deleted in order of importance; not comparable across models.",
    ),
    "naopc": Entry(
        "normalised AOPC of importance",
        1,
        3,
        "higher",
        "0 for the worst and 1 for the best order of deletion that each text has in this model.",
    ),
}
