"""How data was loaded, as values from which it can be loaded again, from any directory."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ParamSpec

from safr_lens.data.dataset import TextData
from safr_lens.data.readers.reviews import REVIEWS

P = ParamSpec("P")


def remembered(load: Callable[P, TextData]) -> Callable[P, TextData]:
    """Wrap a function that loads data: what it returns remembers how it was called (:attr:`TextData.origin`)."""

    @functools.wraps(load)
    def loading(*args: P.args, **options: P.kwargs) -> TextData:
        data = load(*args, **options)
        return dataclasses.replace(data, origin=_origin(args[0] if args else options["source"], options))

    return loading


def _origin(source: Any, options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what JSON holds of a call; None for data in memory, which nobody else can load again."""
    parts = list(source.values()) if isinstance(source, Mapping) else [source]
    if not all(isinstance(part, str | Path) for part in parts):
        return None
    place = (
        {split: _anywhere(path) for split, path in source.items()} if isinstance(source, Mapping) else _anywhere(source)
    )
    return {"source": place} | {name: _plain(value) for name, value in options.items() if name != "source"}


def _anywhere(source: str | Path) -> str:
    """Return a path as an absolute one, and any other name as it is."""
    name = str(source)
    return os.path.abspath(name) if name not in REVIEWS and Path(name).exists() else name


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(label): name for label, name in value.items()}
    return list(value) if isinstance(value, tuple | set | frozenset) else value
