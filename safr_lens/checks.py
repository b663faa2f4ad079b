"""Checks of settings: numbers, choices, flags and names."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from safr_lens.errors import ConfigError, near_matches


def check_number(name: str, value: Any, *, low: float, high: float = float("inf"), whole: bool = False) -> None:
    """Raise a ConfigError unless ``value`` is a number (whole, if asked) in [low, high]."""
    kind = "a whole number" if whole else "a number"
    right_type = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, bool) or not right_type or not math.isfinite(value) or not low <= value <= high:
        bounds = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
        raise ConfigError(f"{name} must be {kind}, {bounds}; got {value!r}.")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise a ConfigError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}; got {value!r}.{near_matches(value, choices)}")


def check_flag(name: str, value: Any) -> None:
    """Raise a ConfigError unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false; got {value!r}.")


def strict_kwargs(cls: type, values: Mapping[str, Any], *, what: str) -> dict[str, Any]:
    """Return ``values`` as keyword arguments of a dataclass; an unknown key is an error with near matches."""
    known = [field.name for field in dataclasses.fields(cls)]
    for key in values:
        if key not in known:
            raise ConfigError(f"Unknown key {key!r} in {what}; known: {', '.join(known)}.{near_matches(key, known)}")
    return dict(values)
