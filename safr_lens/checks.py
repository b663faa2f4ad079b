"""Checks of settings: numbers, choices, flags and names."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safr_lens.errors import ConfigError, near_matches
from safr_lens.visible import shown

MOST_WHOLE = 2**63 - 1
"""The largest whole number that a tensor, a seed and JSON of other programs hold."""


def check_number(name: str, value: Any, *, low: float, high: float = float("inf"), whole: bool = False) -> None:
    """Raise a ConfigError unless ``value`` is a number (whole, if asked) in [low, high]; a whole one below 2^63."""
    kind = "a whole number" if whole else "a number"
    right_type = isinstance(value, int) or (isinstance(value, float) and not whole)
    too_long = isinstance(value, int) and value > MOST_WHOLE
    # a number is compared ahead of isfinite, which no number of thousands of digits passes
    if isinstance(value, bool) or not right_type or too_long or not low <= value <= high or not math.isfinite(value):
        bounds = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
        raise ConfigError(f"{name} must be {kind}, {bounds}{' and below 2^63' * too_long}; got {shown(value)}.")


def check_seed(value: Any) -> None:
    """Raise a ConfigError unless ``value`` can seed a random generator: a whole number from 0 to 2^63 - 1."""
    check_number("seed", value, low=0, whole=True)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise a ConfigError unless ``value`` is one of ``choices``."""
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(
            f"{name} must be one of {', '.join(choices)}; got {shown(value)}.{near_matches(shown(value), choices)}"
        )


def check_text(name: str, value: Any) -> None:
    """Raise a ConfigError unless ``value`` is a text with something in it, or None."""
    if value is not None and (not isinstance(value, str) or not value.strip()):
        raise ConfigError(f"{name} must be a text; got {shown(value)}.")


def check_flag(name: str, value: Any) -> None:
    """Raise a ConfigError unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false; got {shown(value)}.")


def checked_path(value: Any, *, what: str) -> Path:
    """Return a path, or raise a ConfigError for what is none: no text, an empty one, or one that no file can have."""
    if not isinstance(value, (str, os.PathLike)) or not isinstance(os.fspath(value), str):
        raise ConfigError(f"Expected {what}; got {shown(value)}.")
    path = Path(value)
    if not os.fspath(value).strip() or "\0" in str(path) or any(len(os.fsencode(one)) > 255 for one in path.parts):
        raise ConfigError(f"Expected {what}; no file can be called {shown(value)}.")
    return path


def strict_kwargs(cls: type, values: Mapping[str, Any], *, what: str) -> dict[str, Any]:
    """Return ``values`` as keyword arguments of a dataclass; an unknown key is an error with near matches."""
    known = [field.name for field in dataclasses.fields(cls)]
    for key in values:
        if key not in known:
            raise ConfigError(
                f"Unknown key {shown(key)} in {what}; known: {', '.join(known)}.{near_matches(key, known)}"
            )
    return dict(values)
