"""Rows whose labels are the numbers of a model's classes, whatever they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from safr_lens.data.model_labels import ModelLabels
from safr_lens.data.rows import CountedRows, Rows, rows_of
from safr_lens.errors import DataError

_CALL = 'load_data(data, classes=model.labels, labels=..., cut_missing=False)["test"]'


def labelled_rows(data: Any, classes: Sequence[str]) -> Rows:
    """Return rows whose labels are numbers of classes; -1 for rows without a label.

    Args:
        data: as for :func:`~safr_lens.data.rows.rows_of`; of splits, ``test`` is meant.
        classes: of a model; what labels mean of them, :class:`~safr_lens.data.model_labels.ModelLabels` says.

    Raises:
        DataError: other data, or, once it is read, a label that means none of the classes.

    >>> data = [{"text": "a film", "label": "good"}, {"text": "a story", "label": 0.0}, "a plot"]
    >>> [row["label"] for row in labelled_rows(data, ("bad", "good"))]
    [1, 0, -1]
    """
    if isinstance(data, Rows) and isinstance(data.read, _Numbered) and data.read.classes == tuple(classes):
        return data
    rows = rows_of(data, split="test")
    read = _Numbered(rows, tuple(classes))
    return CountedRows(rows.what, read, {}, len(rows)) if isinstance(rows, CountedRows) else Rows(rows.what, read)


@dataclass(frozen=True)
class _Numbered:
    """Reads rows and numbers their labels."""

    rows: Rows
    classes: tuple[str, ...]

    def __call__(self) -> Iterator[Mapping[str, Any]]:
        with advised(_CALL):
            labels = ModelLabels(self.classes, self.rows.class_names)
        for number, row in enumerate(self.rows):
            label: Any = row.get("label")
            with advised(_CALL):
                read = labels.read(label.item() if hasattr(label, "item") else label, row=number)
            yield row if label is read else {**row, "label": read}


@contextmanager
def advised(call: str) -> Iterator[None]:
    """Say in errors about labels how to state what they mean, where a function has no argument for it."""
    try:
        yield
    except DataError as error:
        stated = f" The call: {call}." if "labels=" in str(error) else ""
        raise DataError(f"{error}{stated}") from None
