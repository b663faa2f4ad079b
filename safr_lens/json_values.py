"""Values as JSON holds them."""

from __future__ import annotations

import math
from typing import Any


def without_nan(value: Any) -> Any:
    """Return a value with None for numbers that JSON does not know: what is undefined is null.

    >>> without_nan({"a": float("nan"), "b": (1.0, 2)})
    {'a': None, 'b': [1.0, 2]}
    """
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
