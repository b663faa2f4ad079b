"""Rows whose labels are the numbers of a model's classes, whatever they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from safr_lens.data.label_mapping import LabelReader, map_labels
from safr_lens.data.labels import HIDDEN, LabelColumn, is_whole, row_label
from safr_lens.data.rows import CountedRows, Rows, rows_of
from safr_lens.errors import DataError
from safr_lens.visible import listed, shown

NO_LABEL, WHERE = -1, "the data"
_CALL = 'load_data(data, classes=model.labels, labels=..., cut_missing=False)["test"]'


def labelled_rows(data: Any, classes: Sequence[str]) -> Rows:
    """Return rows whose labels are numbers of classes; -1 for rows without a label.

    Args:
        data: as for :func:`~safr_lens.data.rows.rows_of`; of splits, ``test`` is meant.
        classes: of a model; what labels mean of them, :class:`ModelLabels` says.

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


class ModelLabels:
    """Reads the labels of rows: a whole number is the number of a class of the model, as in ``model.labels``.

    Text, and a number of data that bring class names of their own, means the class of the same name. A missing label
    and -1 are -1.

    Args:
        classes: of the model.
        names: that the data bring with them.

    >>> labels = ModelLabels(["negative", "positive"])
    >>> [labels.read(value, row=1) for value in (1, "negative", 0.0, None)]
    [1, 0, 0, -1]
    >>> ModelLabels(["negative", "positive"], names=["positive", "negative"]).read(0, row=1)
    1
    """

    def __init__(self, classes: Sequence[str], names: Sequence[str] | None = None) -> None:
        self.classes = tuple(classes)
        own = None if names is None or tuple(names) == self.classes else tuple(names)
        self.numbered = names is not None or not any(map(is_whole, self.classes))
        self.reader = None if own is None else LabelReader(LabelColumn(WHERE, {}, 0, own), self.classes, "the model")

    def read(self, value: Any, *, row: int) -> int:
        """Return the number of a label's class; one beyond the classes stays as it is.

        Raises:
            DataError: text that names no class, or a number that may be a class's number or its name.
        """
        if type(value) is int and self.reader is None and self.numbered:
            return value
        label = row_label(value, None, where=WHERE, row=row)
        if label is None or label == HIDDEN:
            return NO_LABEL
        if self.reader is not None:
            return self.reader.read(value, row=row)
        if isinstance(value, (str, bool)) or not is_whole(label):
            return self.classes.index(self._named(label, row))
        if not self.numbered and (label not in self.classes or self.classes.index(label) != int(label)):
            raise DataError(
                f"{WHERE}, row {row}: label {label} may be the number of a class or the name of one, since the model's "
                f"classes are {listed(self.classes)}. Give names as text, as in {{'label': {shown(label)}}}."
            )
        return int(label)

    def _named(self, label: str, row: int) -> str:
        return map_labels(LabelColumn(WHERE, {label: row}, 1), self.classes, names_of="the model")[label]
