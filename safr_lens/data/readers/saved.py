"""Folders that ``save_to_disk`` of ``datasets`` wrote: a ``Dataset`` or a ``DatasetDict``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safr_lens.data.sources import Part, ReadLog, ReadOptions, Source, register_source, usual_splits
from safr_lens.errors import DataError
from safr_lens.visible import listed

if TYPE_CHECKING:
    from datasets import Dataset

MARKS = ("dataset_dict.json", "state.json")


def _takes(data: Any) -> bool:
    return isinstance(data, (str, Path)) and any((Path(data) / mark).is_file() for mark in MARKS)


def _is_data_set(data: Any) -> bool:
    return (Path(data) / MARKS[1]).is_file()


def _parts(data: Any, options: ReadOptions) -> dict[str, Part]:
    import pyarrow
    from datasets import Dataset, load_from_disk

    try:
        data_set = load_from_disk(str(data))
    except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{data} is damaged, or no folder that save_to_disk wrote: {reason}. Save it anew.") from None
    if isinstance(data_set, Dataset):
        return {"train": _part(str(data), data_set)}
    splits = usual_splits(data_set)
    if not splits:
        raise DataError(
            f"{data} has no train, validation or test split; it has {listed(data_set)}. Name the folder of one of them."
        )
    return {split: _part(f"{data}, split {split}", rows) for split, rows in splits.items()}


def _part(where: str, rows: Dataset) -> Part:
    def read(log: ReadLog) -> Iterator[Mapping[str, Any]]:
        for table in rows.with_format("arrow").iter(1000):
            yield from table.to_pylist()

    return Part(where, read, rows.features)


register_source(
    Source("saved", lambda: "a folder that save_to_disk wrote", _takes, _parts, order=70, whole=_is_data_set)
)
