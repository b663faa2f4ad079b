"""A labelled text data set: named splits with a ``text`` and an integer ``label`` column, and where its rows went."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from datasets import ClassLabel, Dataset, IterableDataset

from safr_lens.data.labels import distinct
from safr_lens.data.sources import Part
from safr_lens.errors import DataError, near_matches
from safr_lens.visible import listed, shown

SPLITS = ("train", "validation", "test")
Split: TypeAlias = Dataset | IterableDataset


def at_most(rows: Dataset, n_rows: int) -> Dataset:
    """Return at most so many rows, evenly spaced, since rows may be sorted by class.

    >>> list(at_most(Dataset.from_dict({"label": [0, 0, 0, 1, 1]}), 3)["label"])
    [0, 0, 1]
    """
    return rows.select(range(0, len(rows), max(1, -(-len(rows) // n_rows))))


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


@dataclass(frozen=True)
class TextData(Mapping[str, Split]):
    """Splits of one data set. ``data["test"]`` is a Hugging Face ``Dataset`` with ``text`` and ``label``.

    Attributes:
        source: what was loaded, as the user named it.
        labels: the name of each class, in the order of the integer labels.
        splits: the splits by name.
        notes: what was done to the raw data (rows dropped, splits cut), one sentence each.
        rows: how many rows of each split of the source were read and dropped, and why.
        label_mapping: of each split, the class that each label of the raw data means.
        origin: how :func:`safr_lens.load_data` was called, with absolute paths; None for data in memory.
    """

    source: str
    labels: tuple[str, ...]
    splits: Mapping[str, Split]
    notes: tuple[str, ...] = field(default=())
    label_mapping: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rows: Mapping[str, RowCount] = field(default_factory=dict)
    origin: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        distinct(self.labels)
        for name, split in self.splits.items():
            feature = (getattr(split, "features", None) or {}).get("label")
            if isinstance(feature, ClassLabel) and tuple(feature.names) != tuple(self.labels):
                raise DataError(
                    f"The labels of {name} are indices into {listed(feature.names)}, but the data states "
                    f"{listed(self.labels)}. Give the classes in the order of the data."
                )

    def __getitem__(self, split: str) -> Split:
        if split not in self.splits:
            have = ", ".join(self.splits)
            raise DataError(
                f"{shown(self.source)} has no split {shown(split)}; it has: {have}.{near_matches(split, self.splits)}"
            )
        return self.splits[split]

    def __iter__(self) -> Iterator[str]:
        return iter(self.splits)

    def __len__(self) -> int:
        return len(self.splits)

    @property
    def summary(self) -> str:
        """One line: how many rows were read and dropped, and what was assumed."""
        counts = "; ".join(f"{split}: {count}" for split, count in self.rows.items())
        return " ".join([f"{self.source}: {counts}.", *self.notes])

    @property
    def streaming(self) -> bool:
        """Whether the splits are read from their source anew at each pass and not kept in memory."""
        return any(isinstance(split, IterableDataset) for split in self.splits.values())


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
