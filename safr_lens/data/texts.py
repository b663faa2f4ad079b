"""The texts of data alone, as often as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator

from safr_lens.data.rows import Data, texts_of


class Texts:
    """Iterates over the texts of data, which are read anew each time and never kept.

    Args:
        parts: as for :func:`~safr_lens.data.rows.rows_of`.
        split: of splits, which one is meant.

    >>> texts = Texts([{"text": "a film"}], ["a story"])
    >>> list(texts), list(texts)
    (['a film', 'a story'], ['a film', 'a story'])
    """

    def __init__(self, *parts: Data, split: str = "test") -> None:
        self.parts, self.split = parts, split

    def __iter__(self) -> Iterator[str]:
        return (text for part in self.parts for text in texts_of(part, split=self.split))
