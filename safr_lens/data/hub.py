"""Data sets of the Hugging Face Hub (or its local cache), by id: ``org/name`` or ``org/name:config``."""

from __future__ import annotations

import re

import datasets
from datasets import Dataset, IterableDataset

from safr_lens.data.files import SPLIT_NAMES
from safr_lens.errors import DataError

HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+(:[\w.-]+)?$")


def read_hub(source: str, *, streaming: bool) -> dict[str, Dataset | IterableDataset]:
    """Return the train, validation and test splits that a Hub data set has.

    Raises:
        DataError: when it cannot be had, with the reason that ``datasets`` gives.
    """
    path, _, config = source.partition(":")
    try:
        dataset = datasets.load_dataset(path, config or None, streaming=streaming)
    except Exception as error:  # datasets raises many unrelated types for one user-facing fact
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"{source!r} is no local file or folder, and it could not be loaded as a Hub data set: {reason}"
        ) from error
    by_name = {name.lower(): split for name, split in dataset.items()}
    splits = {}
    for split, names in SPLIT_NAMES.items():
        present = [by_name[name] for name in names if name in by_name]
        if present:
            splits[split] = present[0]
    if not splits:
        raise DataError(f"{source!r} has no train, validation or test split; it has {', '.join(dataset)}.")
    return splits
