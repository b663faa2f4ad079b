"""Data sets of the Hugging Face Hub (or its local cache), by id: ``org/name`` or ``org/name:config``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safr_lens.data.files import NO_HUB_SUFFIXES
from safr_lens.data.sources import Part, ReadLog, ReadOptions, Source, register_source, usual_splits
from safr_lens.errors import DataError, first_line
from safr_lens.visible import listed, shown

if TYPE_CHECKING:
    from datasets import Dataset, IterableDataset

SECONDS = 5
HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+(:[\w.-]+)?$")


def _splits(source: str, *, streaming: bool) -> dict[str, Dataset | IterableDataset]:
    """Return the train, validation and test splits that a Hub data set has."""
    import datasets

    path, _, config = source.partition(":")
    try:
        with nullcontext() if _reachable() else _offline():
            dataset = datasets.load_dataset(path, config or None, streaming=streaming)
    except Exception as error:  # datasets raises many unrelated types for one user-facing fact
        raise DataError(
            f"{shown(source)} is no local file or folder, and it could not be loaded as a Hub data set: "
            f"{first_line(error)}"
        ) from error
    splits = usual_splits(dataset)
    if not splits:
        raise DataError(f"{shown(source)} has no train, validation or test split; it has {listed(dataset)}.")
    return splits


def _reachable() -> bool:
    """Whether the Hub answers; asked once, since ``datasets`` asks six times in half a minute where it does not."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=SECONDS)
    except Exception:  # of the http library, which is not the same in all versions
        return False
    return True


@contextmanager
def _offline() -> Iterator[None]:
    """Let the block find what is in the local cache, without a connection."""
    import datasets
    from huggingface_hub import constants

    before = [(module, module.HF_HUB_OFFLINE) for module in (datasets.config, constants)]
    try:
        for module, _ in before:
            module.HF_HUB_OFFLINE = True  # type: ignore[union-attr]
        yield
    finally:
        for module, value in before:
            module.HF_HUB_OFFLINE = value  # type: ignore[union-attr]


def _takes(data: Any) -> bool:
    name = str(data)
    path = Path(name)
    is_id = isinstance(data, (str, Path)) and HUB_ID.match(name) and not name.startswith(".")
    return bool(is_id) and not path.parent.is_dir() and path.suffix.lower() not in NO_HUB_SUFFIXES


def _parts(data: Any, options: ReadOptions) -> dict[str, Part]:
    splits = _splits(str(data), streaming=options.streaming)
    return {
        split: Part(f"{data}, split {split}", partial(_rows, rows), rows.features or {}, remote=options.streaming)
        for split, rows in splits.items()
    }


def _rows(rows: Dataset | IterableDataset, log: ReadLog) -> Iterator[Mapping[str, Any]]:
    return iter(rows)


register_source(Source("hub", lambda: "a Hub id (such as stanfordnlp/sst2)", _takes, _parts, order=30))
