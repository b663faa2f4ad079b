"""Rows in memory: each text once, as Arrow holds it, beside the key that tells two texts apart."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from datasets import Dataset, DatasetInfo, Features
from jaxtyping import Bool, Int

from safr_lens.data.row_fingerprints import text_key

SCHEMA = pyarrow.schema({"text": pyarrow.string(), "label": pyarrow.int64()})
CHUNK = 1000


@dataclass(frozen=True)
class RowTable:
    """Rows with ``text`` and ``label``, of which some are chosen; they are copied when all choices are made.

    Attributes:
        table: of Arrow, with all rows.
        numbers: of the chosen rows, ascending.
        keys: :func:`~safr_lens.data.row_fingerprints.text_key` of each chosen text.

    >>> rows = RowTable.of([{"text": "good", "label": 1}, {"text": "bad", "label": 0}])
    >>> rows.where(rows.labels.to_numpy() == 1).chosen().to_pylist()
    [{'text': 'good', 'label': 1}]
    """

    table: pyarrow.Table
    numbers: Int[np.ndarray, " n_chosen"]
    keys: pd.Series

    @classmethod
    def of(cls, rows: Iterable[dict[str, Any]]) -> RowTable:
        """Read rows, a thousand at a time."""
        chunks, keys = [], []
        for chunk in _chunks(iter(rows)):
            chunks.append(pyarrow.RecordBatch.from_pylist(chunk, schema=SCHEMA))
            keys += [text_key(row["text"]) for row in chunk]
        table = pyarrow.Table.from_batches(chunks, schema=SCHEMA)
        return cls(table, np.arange(len(table)), pd.Series(keys, dtype=object))

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def labels(self) -> pd.Series:
        """The label of each chosen row."""
        return self.table["label"].to_pandas()[self.numbers].reset_index(drop=True)

    def where(self, chosen: Bool[np.ndarray, " n_chosen"]) -> RowTable:
        """Choose among the chosen rows."""
        return RowTable(self.table, self.numbers[chosen], self.keys[chosen].reset_index(drop=True))

    def chosen(self) -> pyarrow.Table:
        """Return the chosen rows, as they are where all are chosen."""
        if len(self) == len(self.table):
            return self.table
        inside = np.zeros(len(self.table), dtype=np.bool_)
        inside[self.numbers] = True
        return self.table.filter(pyarrow.array(inside))

    def dataset(self, features: Features) -> Dataset:
        """Return the chosen rows as a ``Dataset`` of the same memory."""
        table = self.chosen()
        return Dataset(table, info=DatasetInfo(features=features), fingerprint=_fingerprint(table))


def _fingerprint(table: pyarrow.Table) -> str:
    """Return what tells the rows from others; ``datasets`` itself would pickle all of them for it."""
    sha = hashlib.sha256()
    for column in table.columns:
        for chunk in column.chunks:
            sha.update(f"{chunk.offset} {len(chunk)} ".encode())
            for buffer in filter(None, chunk.buffers()):
                sha.update(buffer)
    return sha.hexdigest()[:16]


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(itertools.islice(rows, CHUNK)):
        yield chunk
