"""Weights that warm up or anneal."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safr_lens.checks import check_number, strict_kwargs
from safr_lens.errors import ConfigError
from safr_lens.visible import shown


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A weight that goes in a straight line from ``start`` to ``end`` between two points of the training.

    Attributes:
        start, end: weights, at least 0.
        epochs: over how many epochs it changes.
        delay: after how many epochs it begins to change.

    >>> anneal = Schedule(start=1.0, end=0.0, epochs=4)
    >>> [anneal.at(epoch) for epoch in (0, 1, 4, 9)]
    [1.0, 0.75, 0.0, 0.0]
    """

    start: float
    end: float
    epochs: float
    delay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("start", "end", "epochs", "delay"):
            check_number(name, getattr(self, name), low=0.0)

    def at(self, epoch: float) -> float:
        """Return the weight at a point of the training, in epochs (1.5: half-way through the second)."""
        if epoch >= self.delay + self.epochs:
            return self.end
        share = max(0.0, epoch - self.delay) / self.epochs if self.epochs else 0.0
        return self.start + (self.end - self.start) * share

    @property
    def counts(self) -> bool:
        """Whether the weight is above 0 at some time."""
        return self.start > 0 or self.end > 0

    def scaled(self, factor: float) -> Schedule:
        """Return the schedule with both weights multiplied."""
        return dataclasses.replace(self, start=factor * self.start, end=factor * self.end)

    def to_dict(self) -> dict[str, float]:
        """Return the schedule as JSON holds it."""
        return dataclasses.asdict(self)

    @property
    def settled(self) -> float:
        """After how many epochs the weight no longer changes."""
        return self.delay + self.epochs


def as_schedule(name: str, value: Any) -> Schedule:
    """Return a schedule from a number, a mapping (as in a config file) or a schedule.

    Raises:
        ConfigError: anything else, an unknown key, or a negative weight.
    """
    if isinstance(value, Schedule):
        return value
    if isinstance(value, Mapping):
        try:
            return Schedule(**strict_kwargs(Schedule, value, what=name))
        except TypeError:
            raise ConfigError(f"{name} as a schedule needs start, end and epochs; got {shown(dict(value))}.") from None
    check_number(name, value, low=0.0)
    return Schedule(start=float(value), end=float(value), epochs=0.0)
