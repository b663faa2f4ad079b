"""The registry of measures: what tables, report, comparison, study and documentation know of each."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

from safr_lens.checks import check_choice
from safr_lens.errors import ConfigError
from safr_lens.measures.measurement import Inputs, Measurement
from safr_lens.measures.scores import Scorer, over_neurons
from safr_lens.measures.streams.dataclass_metric import DataclassMetric
from safr_lens.measures.streams.registered import STREAMS, StreamSetup
from safr_lens.visible import shown

DIRECTIONS = ("higher", "lower", "neither")
ARROWS = "↑: higher is better; ↓: lower is better."


@dataclass(frozen=True)
class Measure:
    """Everything that is known about a measure.

    A measure of neurons has ``scores``: it is a column of the neuron table, and its mean over alive neurons is the
    model's. Any other has ``compute``. Both get :class:`~safr_lens.measures.Inputs` and return None where what they
    need is missing (labels, word vectors, ...).

    Attributes:
        name: in results, tables and files.
        title: for people, with the unit.
        meaning: one plain sentence or two.
        better: ``"higher"``, ``"lower"`` or ``"neither"``.
        compute: the measurement of a model.
        scores: the score of each neuron, of all texts or without a group of them.
        stream: makes a metric whose ``update`` gets :class:`~safr_lens.measures.ReadTexts` in the pass over the corpus;
            its ``result()`` is ``inputs.statistics.more[name]``. None for what the shared streams hold already; it
            may return None where the model lacks what it needs.
        absent: says why it is left out where what it needs is missing; empty where that is no news to who asked.
        scale: what the value is multiplied with for the unit of the title.
        digits: behind the point.
        formula: where the formula and its source stand.
        range: of the values.
        null: what chance alone gives, or how it is drawn.
        interval: over what, and how.
        caution: degenerate solutions: what raises it although nothing has become clearer.
        short: heading of its column where a run is a row; empty for none.
        tile: whether it is shown large at the top of a report.
        order: place in tables, from low to high.
    """

    name: str
    title: str
    meaning: str
    better: str
    compute: Callable[[Inputs], Measurement | None] | None = None
    scores: Callable[[Inputs], Scorer | None] | None = None
    stream: Callable[[StreamSetup], DataclassMetric | None] | None = None
    absent: Callable[[Inputs], str] = lambda inputs: ""
    scale: float = 1
    digits: int = 3
    formula: str = ""
    range: str = ""
    null: str = ""
    interval: str = ""
    caution: str = ""
    short: str = ""
    tile: bool = False
    order: int = 1000

    def measured(self, inputs: Inputs) -> Measurement | None:
        """Return the measurement of a model; None where what it needs is missing."""
        if self.compute is not None:
            return self.compute(inputs)
        scorer = self.scorer(inputs)
        return None if scorer is None else over_neurons(inputs.statistics, scorer)

    def scorer(self, inputs: Inputs) -> Scorer | None:
        """Return the scores of single neurons; None without, or where what they need is missing."""
        if self.scores is None:
            return None
        if self.name not in inputs.scorers:
            scorer = self.scores(inputs)
            inputs.scorers[self.name] = None if scorer is None else functools.cache(scorer)
        return inputs.scorers[self.name]

    def shown(self, value: float | None, *, sign: bool = False) -> str:
        """Return a value as text in the measure's unit; a dash for what is undefined."""
        if value is None or not math.isfinite(value):
            return "–"
        return f"{self.scale * value:{'+' if sign else ''},.{self.digits}f}"

    @property
    def arrow(self) -> str:
        """Which direction is better, for :data:`ARROWS`; empty where neither is."""
        return {"higher": "↑", "lower": "↓", "neither": ""}[self.better]

    @property
    def heading(self) -> str:
        """The title with its arrow."""
        return f"{self.title} {self.arrow}".strip()

    def span(self, interval: tuple[float, float], *, sign: bool = False) -> str:
        """Return an interval as text; empty where an end is undefined."""
        low, high = (self.shown(end, sign=sign) for end in interval)
        return "" if "–" in (low, high) else f"{low} to {high}"


# in the order of tables; importing safr_lens.measures fills it
MEASURES: dict[str, Measure] = {}


def register_measure(measure: Measure, *, replace: bool = False) -> Measure:
    """Add a measure: from then on it is in analyses, tables, comparisons and reports.

    Args:
        measure: what it is and how it is computed.
        replace: whether it may take the place of a measure of the same name.

    Returns:
        The measure.

    Raises:
        ConfigError: a name that is taken or cannot be a column, a direction that is none, or nothing to compute.

    >>> rate = Measure(
    ...     "firing_rate",
    ...     title="firing rate, %",
    ...     meaning="Mean share of tokens at which a neuron is active.",
    ...     better="neither",
    ...     scale=100,
    ...     digits=1,
    ...     compute=lambda inputs: inputs.ratio("active", "tokens"),
    ... )
    >>> register_measure(rate).shown(0.25)
    '25.0'
    >>> unregister_measure("firing_rate")
    """
    check_choice("better", measure.better, DIRECTIONS)
    if not measure.name.isidentifier():
        raise ConfigError(f"A measure's name is a column: letters, digits and underscores; got {shown(measure.name)}.")
    if (measure.compute is None) == (measure.scores is None):
        raise ConfigError(f"Measure {shown(measure.name)}: expected either compute or scores.")
    if measure.name in MEASURES and not replace:
        raise ConfigError(f"There is a measure {shown(measure.name)} already. Give another name, or replace=True.")
    unregister_measure(measure.name)
    ordered = sorted([*MEASURES.values(), measure], key=lambda one: one.order)
    MEASURES.clear()
    MEASURES.update({one.name: one for one in ordered})
    if measure.stream is not None:
        STREAMS[measure.name] = measure.stream
    return measure


def unregister_measure(name: str) -> None:
    """Remove a measure if there is one of that name."""
    MEASURES.pop(name, None)
    STREAMS.pop(name, None)


def measurements(inputs: Inputs) -> dict[str, Measurement]:
    """Return all measurements of one layer's neurons by name, in the order of :data:`safr_lens.measures.MEASURES`.

    Means over neurons are over alive ones. Intervals are over texts: a bootstrap for means over texts or their tokens,
    a jackknife over groups of texts for means over neurons.
    """
    measured = {name: measure.measured(inputs) for name, measure in MEASURES.items()}
    return {name: one for name, one in measured.items() if one is not None}


def neuron_measures() -> list[Measure]:
    """Return the measures that single neurons have."""
    return [measure for measure in MEASURES.values() if measure.scores is not None]
