"""Times of several ways to do the same, taken in turn, so that a drift of the machine's speed falls on all of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass
class Times:
    """Seconds of each repetition: by the clock (``wall``) and of this process on all processors (``cpu``)."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def row(self) -> dict[str, float]:
        """Return medians, and the quartiles of the wall time, in milliseconds."""
        low, _, high = quartiles(self.wall)
        figures = {"wall_ms": statistics.median(self.wall), "low": low, "high": high}
        return {name: 1000 * value for name, value in (figures | {"cpu_ms": statistics.median(self.cpu)}).items()}

    def times(self, other: Times) -> dict[str, float]:
        """Return how many times as long as another kind this takes: medians over the repetitions, each beside its own.

        >>> Times([2.0, 4.0, 9.0], [1.0, 1.0, 1.0]).times(Times([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]))
        {'wall': 2.0, 'cpu': 0.5}
        """
        pairs = {"wall": zip(self.wall, other.wall, strict=True), "cpu": zip(self.cpu, other.cpu, strict=True)}
        return {name: statistics.median(one / two for one, two in both) for name, both in pairs.items()}


def quartiles(values: list[float]) -> list[float]:
    """Return the three quartiles; of one value, that value."""
    return statistics.quantiles(values, n=4) if len(values) > 1 else values * 3


def timed(act: Callable[[], object], into: Times) -> None:
    """Do something and add how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    into.wall.append(time.perf_counter() - wall)
    into.cpu.append(time.process_time() - cpu)


def interleaved(kinds: Mapping[str, Callable[[int], object]], *, repeats: int, warmup: int = 2) -> dict[str, Times]:
    """Return the times of each kind: A B C, A B C, ...

    Args:
        kinds: by name, a function of the number of the repetition, so that all can be given the same batch.
        repeats: how often each is timed.
        warmup: how often each runs ahead of that.
    """
    for i in range(warmup):
        for act in kinds.values():
            act(i)
    found = {name: Times() for name in kinds}
    for i in range(repeats):
        for name, act in kinds.items():
            timed(lambda act=act, i=i: act(warmup + i), found[name])
    return found


def slope(sizes: list[float], costs: list[float]) -> float:
    """Return the slope of cost over size on logarithmic scales: 0 is constant, 1 proportional, 2 quadratic.

    >>> round(slope([1, 2, 4], [3.0, 12.0, 48.0]), 6)
    2.0
    """
    logs = [[math.log(value) for value in values] for values in (sizes, costs)]
    return statistics.linear_regression(*logs).slope
