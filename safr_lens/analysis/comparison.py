"""Several runs on the same data: what differs, by how much, and what is within noise."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scipy import stats

from safr_lens.analysis.analyze import Analysis
from safr_lens.errors import ConfigError
from safr_lens.measures.registry import MEASURES, neuron_measures
from safr_lens.visible import listed


@dataclass(frozen=True)
class Difference:
    """How one measure of a group of runs differs from that of the first group.

    Attributes:
        measure: name in :data:`safr_lens.measures.MEASURES`; one with a null is compared above it.
        value: mean over the group's runs.
        baseline: the same of the first group.
        difference: of the two.
        low, high: its 95 % interval; NaN where there is none.
        over: what the interval is over: ``"sentences"`` or ``"seeds"``.
        above_null: whether the values are above their nulls.
    """

    measure: str
    value: float
    baseline: float
    difference: float
    low: float
    high: float
    over: str
    above_null: bool

    @property
    def verdict(self) -> str:
        """``"better"``, ``"worse"`` or ``"different"``; ``"within noise"`` or, without an interval, ``"unknown"``."""
        if math.isnan(self.low):
            return "unknown"
        if self.low <= 0 <= self.high:
            return "within noise"
        better = MEASURES[self.measure].better
        if better == "neither":
            return "different"
        return "better" if (self.difference > 0) == (better == "higher") else "worse"


def compare(groups: Mapping[str, Sequence[Analysis]]) -> dict[str, list[Difference]]:
    """Compare groups of runs, each measured on the same data, with the first group.

    A group holds runs that differ in their seed alone. Where every group has one run, intervals are over sentences and
    paired (both models read the same ones): they say what other sentences would change, not what another training
    would. With two runs a group or more, intervals are over seeds (Welch's t).

    Args:
        groups: the analyses of each group by name, the baseline first.

    Raises:
        ConfigError: fewer than two groups, or analyses of different data, layer or seed.
    """
    if len(groups) < 2:
        raise ConfigError(f"A comparison needs at least two runs with different settings; got {len(groups)}.")
    _check_same_data([analysis for group in groups.values() for analysis in group])
    baseline, *others = groups.items()
    return {name: _differences(baseline[1], group) for name, group in others}


def cautions(baseline: Analysis, other: Analysis) -> list[str]:
    """Return what a reader of a comparison must not be misled by."""
    warnings = []
    for measure in neuron_measures():
        before, after = (one.measurements.get(measure.name) for one in (baseline, other))
        if before is None or after is None or before.above is None or after.above is None:
            continue
        gained = after.estimate.value - before.estimate.value
        above = after.above.value - before.above.value
        if gained > 0 and above < gained / 2:
            judged = f"rose only by {measure.shown(above)}" if above > 0 else f"fell by {measure.shown(-above)}"
            part = "most of the rise" if above > 0 else "the rise"
            null = f" (null: {measure.null})" if measure.null else ""
            warnings.append(
                f"{measure.title} rose by {measure.shown(gained)}, but what is above chance {judged}: chance alone "
                f"accounts for {part}{null}."
            )
    return warnings


def to_dict(differences: Mapping[str, Sequence[Difference]]) -> dict[str, Any]:
    """Return a comparison as JSON holds it."""
    return {
        name: {one.measure: asdict(one) | {"verdict": one.verdict} for one in group}
        for name, group in differences.items()
    }


def _differences(baseline: Sequence[Analysis], group: Sequence[Analysis]) -> list[Difference]:
    shared = [name for name in MEASURES if all(name in one.measurements for one in (*baseline, *group))]
    return [_difference(name, baseline, group) for name in shared]


def _difference(name: str, baseline: Sequence[Analysis], group: Sequence[Analysis]) -> Difference:
    before = [one.measurements[name].judged for one in baseline]
    after = [one.measurements[name].judged for one in group]
    values = [one.value for one in before], [one.value for one in after]
    means = [sum(side) / len(side) for side in values]
    if len(before) == len(after) == 1:
        low, high = (after[0] - before[0]).interval()
        over = "sentences"
    else:
        low, high = _seed_interval(*values)
        over = "seeds"
    above_null = baseline[0].measurements[name].above is not None
    return Difference(name, means[1], means[0], means[1] - means[0], low, high, over, above_null)


def _seed_interval(before: list[float], after: list[float]) -> tuple[float, float]:
    """Return Welch's interval of the difference of two means; NaN with fewer than two values on a side."""
    if min(len(before), len(after)) < 2 or any(map(math.isnan, before + after)):
        return math.nan, math.nan
    if len({*before}) == len({*after}) == 1:
        return after[0] - before[0], after[0] - before[0]
    low, high = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    return float(low), float(high)


def _check_same_data(analyses: Sequence[Analysis]) -> None:
    for name in ("n_texts", "layer", "seed"):
        values = sorted({analysis.facts[name] for analysis in analyses})
        if len(values) > 1:
            raise ConfigError(f"Runs that are compared must have the same {name}; got {listed(values)}.")
