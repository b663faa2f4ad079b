"""The table that says what SAFR changed: the same figures of several models, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from safr_lens.measures.summary import NeuronSummary


@dataclass(frozen=True)
class Measured:
    """A trained model's figures."""

    name: str
    metrics: dict[str, Any]
    neurons: NeuronSummary


@dataclass(frozen=True)
class Row:
    """One measure: its values as shown, how the last compares with the first, and what it says."""

    name: str
    values: list[str]
    change: str
    meaning: str


def comparison(models: Sequence[Measured]) -> list[Row]:
    """Return one row a measure; ``change`` compares the last model with the first."""
    d_mlp = models[0].neurons.d_mlp

    def row(name: str, read: Callable[[Measured], float], shown: str, change: str, meaning: str) -> Row:
        values = [read(model) for model in models]
        return Row(
            name,
            ["–" if math.isnan(value) else shown.format(value) for value in values],
            _change(values[0], values[-1], change),
            meaning,
        )

    return [
        row(
            "accuracy, %",
            lambda m: 100 * m.metrics["test"]["accuracy"],
            "{:.1f}",
            "difference",
            "Share of texts classified right; always answering the largest class gives "
            f"{100 * models[0].metrics['test']['majority_class']:.1f}.",
        ),
        row(
            "reliance (MLP set to 0), points",
            lambda m: 100 * m.metrics["reliance"]["zero"]["accuracy_lost"],
            "{:.1f}",
            "difference",
            "Accuracy lost without the MLP. Under 5, the neurons do not carry the decision.",
        ),
        row(
            "reliance (MLP set to its mean), points",
            lambda m: 100 * m.metrics["reliance"]["mean"]["accuracy_lost"],
            "{:.1f}",
            "difference",
            "The same, but the constant that the MLP adds is kept.",
        ),
        row(
            "capacity",
            lambda m: m.neurons.capacity,
            "{:.3f}",
            "ratio",
            "0 to 1: how much of a direction each token has to itself among the tokens of its text. It cannot tell "
            "neurons from rotations of them.",
        ),
        row(
            "token selectivity",
            lambda m: m.neurons.token_selectivity,
            "{:.3f}",
            "ratio",
            "0 to 1: 1 if a neuron fires at one token type only. Rare firing alone raises it; see the next two rows.",
        ),
        row(
            "token selectivity, types shuffled (null)",
            lambda m: m.neurons.token_selectivity_null,
            "{:.3f}",
            "ratio",
            "What neurons that fire as often reach without knowing any type.",
        ),
        row(
            "token selectivity above its null",
            lambda m: m.neurons.token_selectivity_above_null,
            "{:+.3f}",
            "difference",
            "What the neurons know about token types.",
        ),
        row(
            "active neurons per token",
            lambda m: m.neurons.active_per_token,
            "{:.1f}",
            "ratio",
            f"Of {d_mlp:,}. Fewer are easier to read.",
        ),
        row(
            "silent tokens, %",
            lambda m: 100 * m.neurons.silent_tokens,
            "{:.1f}",
            "difference",
            "Tokens at which no neuron is active: a score won by silence is not won.",
        ),
        row(
            "alive neurons",
            lambda m: m.neurons.alive_neurons,
            "{:.0f}",
            "difference",
            f"Of {d_mlp:,}: active at one token or more.",
        ),
    ]


def warnings(models: Sequence[Measured]) -> list[str]:
    """Return what a reader must know before believing the table."""
    found = []
    for model in models:
        name, neurons, lost = model.name, model.neurons, model.metrics["reliance"]
        if not lost["carried"]:
            found.append(
                f"{name}: without its MLP the model loses less than 5 points of accuracy, so its neurons do not carry "
                "the decision, and how readable they are says little about the model."
            )
        if neurons.silent_tokens > 0.05:
            found.append(f"{name}: {100 * neurons.silent_tokens:.0f} % of the tokens have no active neuron at all.")
        if neurons.alive_neurons < neurons.d_mlp / 4:
            found.append(f"{name}: only {neurons.alive_neurons} of {neurons.d_mlp} neurons are alive.")
    first, last = models[0].neurons, models[-1].neurons
    if last.token_selectivity > 1.5 * first.token_selectivity:
        gained = last.token_selectivity - first.token_selectivity
        above = last.token_selectivity_above_null - first.token_selectivity_above_null
        if above < gained / 2:
            found.append(
                f"Token selectivity rose by {gained:.2f}, but above its null only by {above:+.3f}: most of the rise is "
                "that neurons fire more rarely, not that they tell token types apart."
            )
    return found


def _change(before: float, after: float, kind: str) -> str:
    if math.isnan(before) or math.isnan(after):
        return "–"
    if kind == "difference":
        return f"{after - before:+.1f}" if abs(before) >= 1 or abs(after) >= 1 else f"{after - before:+.3f}"
    return f"× {after / before:.2f}" if before else "–"
