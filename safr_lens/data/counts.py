"""How many rows a load read and left out, and why."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from safr_lens.data.sources import Part


@dataclass(frozen=True)
class RowCount:
    """Rows of one split of a source.

    Attributes:
        read: how many there are, empty lines included; None where rows are streamed from the Hub.
        dropped: how many were left out, by reason.
    """

    read: int | None
    dropped: Mapping[str, int]

    @property
    def kept(self) -> int | None:
        """Rows that are left, in this split or in one that was cut from it."""
        return None if self.read is None else self.read - sum(self.dropped.values())

    def __str__(self) -> str:
        """Say both numbers.

        >>> print(RowCount(1_200, {"empty line": 3}))
        1,200 rows read, 3 dropped (empty line)
        """
        read = "rows not counted" if self.read is None else f"{self.read:,} rows read"
        if not self.dropped:
            return f"{read}, none dropped"
        if len(self.dropped) == 1:
            [(reason, number)] = self.dropped.items()
            return f"{read}, {number:,} dropped ({reason})"
        reasons = ", ".join(f"{number:,} {reason}" for reason, number in self.dropped.items())
        return f"{read}, {sum(self.dropped.values()):,} dropped ({reasons})"


def row_counts(parts: Mapping[str, Part], shared: Mapping[str, int], hidden: Iterable[str] = ()) -> dict[str, RowCount]:
    """Return the rows of each split of a source; one that was never read to its end is read now.

    Args:
        parts: the splits as they were found.
        shared: how many texts of each split also stand in a split that is measured on.
        hidden: splits without labels, which are left out.
    """
    counts = {}
    for split, part in parts.items():
        if part.log is None and not part.remote:
            deque(part.rows(), maxlen=0)
        dropped = dict(part.log.dropped) if part.log else {}
        if split in hidden and part.log:
            dropped["no label"] = part.log.read - sum(dropped.values())
        dropped["also in a held-out split"] = shared.get(split, 0)
        counts[split] = RowCount(part.log.read if part.log else None, {why: n for why, n in dropped.items() if n})
    return counts


def assumptions(parts: Iterable[Part]) -> list[str]:
    """Return what was assumed when sources were read, one sentence each."""
    said: list[str] = []
    for part in parts:
        said += part.notes
        if part.log and part.log.assumed:
            said.append(f"{part.where}: {', '.join(part.log.assumed)}.")
    return said
