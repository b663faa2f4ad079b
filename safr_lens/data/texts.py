"""The texts of data alone, as often as they are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any


class Texts:
    """Iterates over the texts of data, which are read anew each time and never kept.

    Args:
        parts: texts, or rows with ``text``.

    >>> texts = Texts([{"text": "a film"}], ["a story"])
    >>> list(texts), list(texts)
    (['a film', 'a story'], ['a film', 'a story'])
    """

    def __init__(self, *parts: Iterable[Mapping[str, Any] | str]) -> None:
        self.parts = parts

    def __iter__(self) -> Iterator[str]:
        return (row if isinstance(row, str) else row["text"] for part in self.parts for row in part)
