"""Which rows trained runs are measured on: their own held-out rows, or other data and how much of it they have seen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, concatenate_datasets
from jaxtyping import Bool

from safr_lens.data.dataset import SPLITS, Split, TextData
from safr_lens.data.label_mapping import merged
from safr_lens.data.load import load_data
from safr_lens.data.row_fingerprints import split_fingerprint
from safr_lens.data.sources import is_whole
from safr_lens.errors import ConfigError, DataError, near_matches
from safr_lens.runs.record import RunRecord
from safr_lens.runs.seen import all_known, rows_of, seen_counts
from safr_lens.visible import shown

ALL = "all"
Counts = Mapping[str, int] | None


@dataclass(frozen=True)
class MeasuredSplit:
    """The rows that runs are measured on.

    Attributes:
        rows: with ``text`` and ``label``.
        split: ``"train"``, ``"validation"``, ``"test"``, or ``"all"`` for data that is not split.
        name: the same for people, with the source.
        label_mapping: the class that each label of the data means.
        train: the training split of the same data, where it has one and others are measured.
        seen: for each run with how many of the texts it was trained, see :func:`safr_lens.runs.seen.seen_counts`; None
            for a run that keeps no rows.
    """

    rows: Split
    split: str = ALL
    name: str = "the measured texts"
    label_mapping: Mapping[str, str] = field(default_factory=dict)
    train: Split | None = None
    seen: Mapping[str, Counts] = field(default_factory=dict)

    @property
    def described(self) -> dict[str, Any]:
        """What the output of commands says of it as JSON."""
        return {"split": self.split, "measured": self.name, "label_mapping": self.label_mapping}


def measured_split(
    source: Any, split: str, *, classes: Sequence[str], runs: Sequence[RunRecord] = (), **reading: Any
) -> MeasuredSplit:
    """Return the rows of some data that trained runs are measured on.

    Of a single file, or a table in memory, of which runs know every row, only the rows of their own split; others are
    used whole.

    Args:
        source: as in :func:`safr_lens.load_data`; None for the data of the last run.
        split: which split; ``"all"`` for all rows.
        classes: of the models.
        runs: records of the runs.
        **reading: ``labels``, ``text_column``, ``label_column``, ``header``, ``encoding``, ``streaming``.

    Raises:
        ConfigError: no source and none recorded.
        DataError: data that cannot be used, lacks the split, or has changed since the last run was trained on it.
    """
    known = (*SPLITS, ALL)
    if split not in known:
        raise DataError(f"Unknown split {shown(split)}; expected {', '.join(known)}.{near_matches(split, known)}")
    if source is None:
        chosen = _own_data(runs[-1], split, classes, reading)
    elif isinstance(source, str | Path) and not is_whole(source):
        chosen = _of_data(load_data(source, classes=classes, **reading), split)
    else:
        chosen = _of_rows(source, split, classes, runs, reading)
    texts = split_fingerprint(chosen.rows).texts if any(run.rows for run in runs) else None
    seen = {run.run: None if texts is None or run.rows is None else seen_counts(texts, run.rows) for run in runs}
    return replace(chosen, seen=seen)


def _of_data(data: TextData, split: str) -> MeasuredSplit:
    if split == ALL:
        rows, mapping = concatenate_datasets(list(data.values())), merged(data.label_mapping)
        return MeasuredSplit(rows, ALL, f"{data.source} (all of it)", mapping)
    train = data["train"] if split != "train" and "train" in data else None
    return MeasuredSplit(data[split], split, f"the {split} split of {data.source}", data.label_mapping[split], train)


def _of_rows(
    source: Any, split: str, classes: Sequence[str], runs: Sequence[RunRecord], reading: Mapping[str, Any]
) -> MeasuredSplit:
    data = load_data(source, classes=classes, cut_missing=False, **reading)
    if set(data) != {"test"}:
        return _of_data(load_data(source, classes=classes, **reading), split)
    whole, mapping = data["test"], data.label_mapping["test"]
    kept = [run.rows for run in runs if run.rows]
    if kept and split != ALL:
        texts = split_fingerprint(whole).texts
        own = np.logical_and.reduce([rows_of(texts, rows, split) for rows in kept])
        if own.any() and all(all_known(texts, rows) for rows in kept):
            trained = np.logical_and.reduce([rows_of(texts, rows, "train") for rows in kept])
            train = _only(whole, trained) if split != "train" and trained.any() else None
            return MeasuredSplit(_only(whole, own), split, f"the {split} split of {data.source}", mapping, train)
    return MeasuredSplit(whole, ALL, f"{data.source} (all of it)", mapping)


def _own_data(run: RunRecord, split: str, classes: Sequence[str], reading: Mapping[str, Any]) -> MeasuredSplit:
    """Load the data of a run again as it was loaded for the training, and check that its rows are still there."""
    if run.origin is None:
        raise ConfigError(f"{run.run} does not record the data that it was trained on; name some with data (--data).")
    given = {
        name: value for name, value in reading.items() if value is not None and (name, value) != ("streaming", False)
    }
    options = {"labels": run.label_mapping} | {k: v for k, v in run.origin.items() if v is not None} | given
    source = options.pop("source")
    for path in source.values() if isinstance(source, Mapping) else [source]:
        if os.path.isabs(path) and not Path(path).exists():
            raise DataError(
                f"{run.run} was trained on {path}, which is no longer there. Put it back, or name data to measure on "
                "with data (--data)."
            )
    data = load_data(source, **{**options, "classes": classes})
    if run.rows is None or split == ALL:
        return _of_data(data, split)
    rows = _recorded(data, split, run)
    train = rows if split == "train" else _recorded(data, "train", run, complete=False)
    return _of_data(replace(data, splits={"train": train, split: rows}), split)


def _recorded(data: TextData, split: str, run: RunRecord, *, complete: bool = True) -> Split:
    """Return the rows of a split that the run keeps, wherever they stand now."""
    assert run.rows is not None
    kept = run.rows[split]
    if split in data and split_fingerprint(data[split]).checksum == kept.checksum:
        return data[split]
    # fewer rows than there are where it was trained with a limit; others where splits are cut by another rule
    every = concatenate_datasets(list(data.values()))
    fingerprint = split_fingerprint(every)
    inside = np.isin(fingerprint.texts, kept.texts)
    changes = kept.changes(fingerprint.only(inside))
    if complete and changes:
        raise DataError(
            f"{data.source} has changed since {run.run} was trained on it ({split}: {changes}). Restore it, or name "
            "data to measure on with data (--data)."
        )
    return _only(every, inside)


def _only(rows: Split, chosen: Bool[np.ndarray, " n_rows"]) -> Split:
    if isinstance(rows, Dataset):
        return rows.select(np.flatnonzero(chosen))
    return rows.filter(lambda row, number: bool(chosen[number]), with_indices=True)
