"""The splits that rows become, in memory or streamed: missing ones cut from train, and no text in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from datasets import ClassLabel, Dataset, Features, IterableDataset, Value
from jaxtyping import Bool

from safr_lens.data.dataset import SPLITS
from safr_lens.data.row_fingerprints import text_key
from safr_lens.data.row_table import RowTable
from safr_lens.errors import DataError
from safr_lens.visible import shown

FEATURES = Features({"text": Value("string"), "label": Value("int64")})
SHARES = {"test": 0.2, "validation": 0.1}
"""Shares of train that become a missing split; the second is of what the first left."""


def splits_in_memory(
    parts: Mapping[str, Any], names: Sequence[str], *, cut_missing: bool, seed: int
) -> tuple[dict[str, Dataset], list[str], dict[str, int]]:
    """Return the splits, what was done to get them, and how many texts of each stand in a held-out one, too."""
    tables = {split: RowTable.of(rows()) for split, rows in parts.items()}
    notes = []
    shared = {}
    for split, held_out in (("validation", ["test"]), ("train", ["validation", "test"])):
        others = [tables[name].keys for name in held_out if name in tables]
        if split in tables and others:
            dropped = tables[split].keys.isin(set().union(*others)).to_numpy(dtype=np.bool_)
            shared[split] = int(dropped.sum())
            if shared[split]:
                tables[split] = tables[split].where(~dropped)
                notes.append(
                    f"{shared[split]:,} rows of {split} also stand in {' or '.join(held_out)} and were dropped."
                )
    if cut_missing and "train" in tables:
        for split, share in SHARES.items():
            if split not in tables:
                cut = _cut(tables["train"].keys, tables["train"].labels, share, seed=seed)
                tables[split], tables["train"] = tables["train"].where(cut), tables["train"].where(~cut)
                notes.append(f"{split} was cut from train ({len(tables[split]):,} rows).")
    empty = [split for split, table in tables.items() if not len(table)]
    if empty:
        raise _empty(empty[0])
    splits = {split: tables[split].dataset(_features(names)) for split in SPLITS if split in tables}
    return splits, notes, shared


def streamed_splits(
    parts: Mapping[str, Any], names: Sequence[str], *, cut_missing: bool, seed: int
) -> tuple[dict[str, IterableDataset], list[str], dict[str, int]]:
    """As :func:`splits_in_memory`, of rows that are read anew at each pass."""
    held_out = [split for split in ("test", "validation") if split in parts]
    keys = {split: {text_key(row["text"]) for row in parts[split]()} for split in held_out if len(parts) > 1}
    taken = set().union(*keys.values())
    cut, low = {}, 0.0
    if cut_missing and "train" in parts:
        for split, share in SHARES.items():
            if split not in parts:
                share *= 1.0 - low
                cut[split] = (low, low + share)
                low += share
    others = {"test": set(), "validation": keys.get("test", set())}
    chosen = {split: partial(_chosen, parts[split], seed, taken=others[split]) for split in held_out}
    chosen |= {split: partial(_chosen, parts["train"], seed, bounds, taken) for split, bounds in cut.items()}
    if "train" in parts:
        chosen["train"] = partial(_chosen, parts["train"], seed, (low, 1.0), taken)
    for split, rows in chosen.items():
        with closing(rows()) as started:
            if next(started, None) is None:
                raise _empty(split)
    features = _features(names)
    splits = {s: IterableDataset.from_generator(chosen[s], features=features) for s in SPLITS if s in chosen}
    others["train"] = taken
    shared = {s: sum(text_key(row["text"]) in others[s] for row in rows()) for s, rows in parts.items() if others[s]}
    return splits, [f"{split} is cut from train by a hash of the text." for split in cut], shared


def _cut(keys: pd.Series, labels: pd.Series, share: float, *, seed: int) -> Bool[np.ndarray, " n_rows"]:
    """Return which rows are cut off, so that they have ``share`` of the distinct texts.

    Texts are ordered within their class by a keyed hash and the first ``share`` of each class is cut, so a row's
    place depends on its text, its class and the seed, and hardly at all on the other rows. All copies of a text
    go the same way, by the label of the first copy.
    """
    first = pd.DataFrame({"key": keys, "label": labels}).drop_duplicates("key")
    order = first["key"].map(lambda key: hashlib.sha256(f"{seed}:{key}".encode()).hexdigest())
    first = first.assign(order=order).sort_values("order")
    chosen: set[str] = set()
    for _, group in first.groupby("label", sort=True):
        n_cut = min(max(round(len(group) * share), 1), len(group) - 1)
        chosen.update(group["key"].iloc[:n_cut])
    return keys.isin(chosen).to_numpy(dtype=np.bool_)


def hash_share(text: str, *, seed: int = 0) -> float:
    """Return a number in [0, 1) that depends on nothing but the text and the seed: splits for streams."""
    digest = hashlib.sha256(f"{seed}:{text_key(text)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _chosen(
    rows: Callable[[], Iterable[dict[str, Any]]],
    seed: int,
    bounds: tuple[float, float] = (0.0, 1.0),
    taken: Container[str] = (),
) -> Generator[dict[str, Any], None, None]:
    """Yield the rows whose hash lies within bounds and whose text is not taken."""
    for row in rows():
        inside = bounds == (0.0, 1.0) or bounds[0] <= hash_share(row["text"], seed=seed) < bounds[1]
        if inside and text_key(row["text"]) not in taken:
            yield row


def _features(names: Sequence[str]) -> Features:
    return Features({**FEATURES, "label": ClassLabel(names=list(names))})


def _empty(split: str) -> DataError:
    return DataError(
        f"Split {shown(split)} is empty after cutting. Give more rows, or a folder with train, validation and test "
        "files."
    )
