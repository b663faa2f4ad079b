"""Which texts a run has seen in training, by the fingerprints that it keeps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, UInt64

from safr_lens.data.dataset import SPLITS
from safr_lens.training.trained_rows import Fingerprints

UNKNOWN = (
    "The run does not record which texts it was trained on, as runs of earlier versions and models from the Hub do "
    "not; some of the measured texts may be among them."
)


def seen_counts(texts: UInt64[np.ndarray, " n_rows"], rows: Fingerprints) -> dict[str, int]:
    """Count how many texts stand in the train, validation or test split of a run, and how many are new to it.

    A text that stands in two splits counts for the first of them; copies of a text count each.
    """
    counts = {split: int(rows_of(texts, rows, split).sum()) for split in SPLITS}
    return counts | {"new": len(texts) - sum(counts.values())}


def rows_of(texts: UInt64[np.ndarray, " n_rows"], rows: Fingerprints, split: str) -> Bool[np.ndarray, " n_rows"]:
    """Say which texts stand in a split of a run, and in no split that was trained on more."""
    inside = np.isin(texts, rows[split].texts) if split in rows else np.zeros(len(texts), dtype=np.bool_)
    for earlier in SPLITS[: SPLITS.index(split)]:
        if earlier in rows:
            inside &= ~np.isin(texts, rows[earlier].texts)
    return inside


def all_known(texts: UInt64[np.ndarray, " n_rows"], rows: Fingerprints) -> bool:
    """Whether a run has every one of these texts in one of its splits."""
    return seen_counts(texts, rows)["new"] == 0


def seen_sentence(counts: Mapping[str, int] | None) -> str:
    """Say how many of the measured texts were trained on.

    >>> seen_sentence({"train": 37, "validation": 0, "test": 0, "new": 163})
    '37 of 200 texts were trained on.'
    """
    if counts is None:
        return UNKNOWN
    n_texts, trained, chose = sum(counts.values()), counts["train"], counts["validation"]
    said = f"{trained:,} of {n_texts:,} texts {'was' if trained == 1 else 'were'} trained on"
    chosen = f", and {chose:,} {'was' if chose == 1 else 'were'} used to choose the best epoch." if chose else "."
    return said + chosen


def seen_warnings(counts: Mapping[str, int] | None) -> list[str]:
    """Return the sentence where it must warn: where any text was trained on or chose the best epoch, or nobody knows.

    >>> seen_warnings({"train": 0, "validation": 0, "test": 40, "new": 0})
    []
    """
    warn = counts is None or counts["train"] or counts["validation"]
    return [seen_sentence(counts)] if warn else []
