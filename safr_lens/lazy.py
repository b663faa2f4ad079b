"""Names of a package that are imported when they are first used (PEP 562)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: its ``__name__``.
        homes: for each of its modules the names that it gives; the module itself can be used too.

    >>> get, names = lazy("safr_lens", {"errors": ["DataError"]})
    >>> get("DataError").__name__, "DataError" in names()
    ('DataError', True)
    """

    def get(name: str) -> Any:
        for module, names in homes.items():
            if name == module:
                return importlib.import_module(f"{package}.{module}")
            if name in names:
                value = getattr(importlib.import_module(f"{package}.{module}"), name)
                setattr(sys.modules[package], name, value)  # it is asked for once
                return value
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes, *(name for given in homes.values() for name in given)})

    return get, names
