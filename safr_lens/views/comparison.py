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


@dataclass(frozen=True)
class _Measure:
    """How one row is read off a model, written and compared ("points", "ratio" or "difference")."""

    name: str
    read: Callable[[Measured], float]
    shown: str
    change: str
    meaning: str


def _lost(mode: str) -> Callable[[Measured], float]:
    return lambda model: 100 * model.metrics["reliance"][mode]["accuracy_lost"]


MEASURES = (
    _Measure(
        "accuracy, %",
        lambda model: 100 * model.metrics["test"]["accuracy"],
        "{:.1f}",
        "points",
        "Share of texts classified right; always answering the largest class gives {majority:.1f}.",
    ),
    _Measure(
        "reliance (MLP set to 0), points",
        _lost("zero"),
        "{:.1f}",
        "points",
        "Accuracy lost without the MLP. Under 5, the neurons do not carry the decision.",
    ),
    _Measure(
        "reliance (MLP set to its mean), points",
        _lost("mean"),
        "{:.1f}",
        "points",
        "The same, but the constant that the MLP adds is kept.",
    ),
    _Measure(
        "capacity",
        lambda model: model.neurons.capacity,
        "{:.3f}",
        "ratio",
        "0 to 1: how much of a direction each token has to itself among the tokens of its text. It cannot tell neurons "
        "from rotations of them.",
    ),
    _Measure(
        "token selectivity",
        lambda model: model.neurons.token_selectivity,
        "{:.3f}",
        "ratio",
        "0 to 1: 1 if a neuron fires at one token type only. Rare firing alone raises it; see the next two rows.",
    ),
    _Measure(
        "token selectivity, types shuffled (null)",
        lambda model: model.neurons.token_selectivity_null,
        "{:.3f}",
        "ratio",
        "What neurons that fire as often reach without knowing any type.",
    ),
    _Measure(
        "token selectivity above its null",
        lambda model: model.neurons.token_selectivity_above_null,
        "{:+.3f}",
        "ratio",
        "What the neurons know about token types.",
    ),
    _Measure(
        "active neurons per token",
        lambda model: model.neurons.active_per_token,
        "{:.1f}",
        "ratio",
        "Of {d_mlp:,}. Fewer are easier to read.",
    ),
    _Measure(
        "silent tokens, %",
        lambda model: 100 * model.neurons.silent_tokens,
        "{:.1f}",
        "points",
        "Tokens at which no neuron is active: a score won by silence is not won.",
    ),
    _Measure(
        "alive neurons",
        lambda model: model.neurons.alive_neurons,
        "{:.0f}",
        "difference",
        "Of {d_mlp:,}: active at one token or more.",
    ),
)


def comparison(models: Sequence[Measured]) -> list[Row]:
    """Return one row a measure; ``change`` compares the last model with the first."""
    facts = {"d_mlp": models[0].neurons.d_mlp, "majority": 100 * models[0].metrics["test"]["majority_class"]}
    rows = []
    for measure in MEASURES:
        values = [measure.read(model) for model in models]
        shown = ["–" if math.isnan(value) else measure.shown.format(value) for value in values]
        change = _change(values[0], values[-1], measure.change)
        rows.append(Row(measure.name, shown, change, measure.meaning.format(**facts)))
    return rows


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
    if kind == "points":
        return f"{after - before:+.1f}"
    if kind == "difference":
        return f"{after - before:+.0f}"
    return f"× {after / before:.2f}" if before > 0 else "–"
