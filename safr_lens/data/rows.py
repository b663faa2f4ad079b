"""The one door for data in memory: whatever form it has, it comes out as rows with a text and perhaps a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

import pandas as pd
from datasets import ClassLabel, Dataset, IterableDataset

from safr_lens.data.columns import LABEL_NAMES, TEXT_NAMES, usual_column
from safr_lens.data.sources import SPLIT_NAMES, usual_splits
from safr_lens.errors import DataError, TextError
from safr_lens.visible import listed, shown

EXPECTED = (
    "texts or rows with a text: a pandas DataFrame, a Dataset of the datasets library, a list of texts or of "
    "dictionaries, or a dictionary of columns"
)
READ_AT_ONCE = 1000
Data: TypeAlias = pd.DataFrame | pd.Series | Mapping[Any, Any] | Iterable[Mapping[str, Any] | str]


@dataclass(frozen=True)
class Rows:
    """Rows of data in memory; texts alone are rows without a label.

    Attributes:
        what: what to call the data in a message.
        read: gives its rows (or texts) anew, under the data's own names of columns.
        features: the declared type of each column, where the data has one.
    """

    what: str
    read: Callable[[], Iterable[Any]]
    features: Mapping[str, Any] = field(default_factory=dict)

    def raw(self) -> Iterator[Mapping[str, Any]]:
        """Yield the rows under the data's own names of columns."""
        for number, row in enumerate(self.read()):
            if not isinstance(row, (str, Mapping)):
                raise DataError(f"Row {number} of the data is no text and has no 'text': {shown(row, 80)}.")
            yield {"text": row} if isinstance(row, str) else row

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Yield each row with its text as ``text`` and its label, if it has one, as ``label``."""
        names: tuple[Any, Any] | None = None
        for number, row in enumerate(self.raw()):
            text, label = names = names or _named_columns(row, f"Row {number} of the data is no text and")
            if not isinstance(row.get(text), str):
                raise DataError(f"Row {number} of the data is no text and has no {shown(text)}: {shown(row, 80)}.")
            if text == "text" and label in ("label", None):
                yield row
            else:
                yield {**row, "text": row[text], **({} if label is None else {"label": row.get(label)})}

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names that the label column brings with it."""
        feature = self.features.get(usual_column(self.features, LABEL_NAMES) or "")
        return tuple(feature.names) if isinstance(feature, ClassLabel) else None


@dataclass(frozen=True)
class CountedRows(Rows):
    """Rows of which it is known how many there are."""

    n_rows: int = 0

    def __len__(self) -> int:
        return self.n_rows


def rows_of(data: Any, *, split: str | None) -> Rows:
    """Return the rows of data in memory.

    Args:
        data: a DataFrame (or a Series of texts), a ``Dataset`` or ``IterableDataset``, texts or dictionaries in a list
            or any other iterable, or a dictionary of columns; or splits of these (``DatasetDict``, ``TextData``, a
            dictionary).
        split: of splits, which one is meant; one alone is meant whatever its name. Without it, splits are refused.

    Raises:
        DataError: anything else.

    >>> list(rows_of({"sentence": ["a film", "a story"], "class": [1, 0]}, split=None))[0]["label"]
    1
    """
    if isinstance(data, Rows):
        return data
    if is_splits(data):
        data = _chosen(data, split)
    what = f"The {type(data).__name__}"
    if isinstance(data, Dataset | IterableDataset):
        data = data.with_format(None)  # plain values, no tensors
    if isinstance(data, IterableDataset):
        return Rows(what, data.__iter__, data.features or {})
    if isinstance(data, Dataset):
        return CountedRows(what, partial(_of_data_set, data), data.features, len(data))
    if isinstance(data, pd.DataFrame):
        data = {column: data[column] for column in _distinct(what, data.columns)}
    if isinstance(data, Mapping):
        return _of_columns(what, data)
    if isinstance(data, pd.Series):
        data = data.tolist()
    if isinstance(data, Iterator):
        return Rows(what, _once(data))
    if isinstance(data, (str, bytes)) or not (isinstance(data, Iterable) or hasattr(data, "__getitem__")):
        raise DataError(f"Expected {EXPECTED}; got {type(data).__name__}: {shown(data, 60)}.{_hint(data)}")
    read = partial(iter, data)
    return CountedRows(what, read, {}, len(data)) if isinstance(data, Sized) else Rows(what, read)


def texts_of(data: Any, *, split: str | None) -> Iterator[str]:
    """Return the texts of data in memory; see :func:`rows_of`."""
    return (row["text"] for row in rows_of(data, split=split))


class Texts:
    """Iterates over the texts of data, which are read anew each time and never kept.

    Args:
        parts: as for :func:`rows_of`.
        split: of splits, which one is meant.

    >>> texts = Texts([{"text": "a film"}], ["a story"])
    >>> list(texts), list(texts)
    (['a film', 'a story'], ['a film', 'a story'])
    """

    def __init__(self, *parts: Data, split: str = "test") -> None:
        self.parts, self.split = parts, split

    def __iter__(self) -> Iterator[str]:
        return (text for part in self.parts for text in texts_of(part, split=self.split))


def one_text(text: Any) -> str:
    """Return a text, after checking that it is one.

    Raises:
        TextError: anything else.
    """
    if not isinstance(text, str):
        raise TextError(f"Expected one text; got {type(text).__name__}: {shown(text, 60)}. Pass texts one by one.")
    return text


def holds_rows(data: Any) -> bool:
    """Whether data is of rows or columns, and no plain texts.

    >>> holds_rows([{"text": "a film"}]), holds_rows(["a film"])
    (True, False)
    """
    of_rows = isinstance(data, (list, tuple)) and bool(data) and isinstance(data[0], Mapping)
    return of_rows or isinstance(data, (Rows, Mapping, pd.DataFrame, pd.Series, Dataset, IterableDataset))


def is_splits(data: Any) -> bool:
    """Whether data is a dictionary of splits, as a ``DatasetDict``, and not one of columns."""
    if not isinstance(data, Mapping) or not data:
        return False
    known = {name for names in SPLIT_NAMES.values() for name in names}
    data_sets = (Dataset, IterableDataset, pd.DataFrame)
    return all(isinstance(part, data_sets) for part in data.values()) or all(
        str(name).lower() in known for name in data
    )


def _named_columns(columns: Iterable[Any], where: str) -> tuple[Any, Any]:
    text = usual_column(columns, TEXT_NAMES)
    if text is None:
        raise DataError(
            f"{where} has no 'text' (nor {', '.join(TEXT_NAMES[1:])}); it has "
            f"{listed(map(shown, columns)) or 'nothing'}. Rename the column of texts to 'text'."
        )
    return text, usual_column(columns, LABEL_NAMES)


def _chosen(data: Mapping[str, Any], split: str | None) -> Any:
    usual = usual_splits(data)
    if split is not None and (split in usual or len(data) == 1):
        return usual[split] if split in usual else next(iter(data.values()))
    names = list(map(str, data))
    raise DataError(f"The data has the splits {listed(names)}; name one of them, as in data[{shown(names[0])}].")


def _of_columns(what: str, data: Mapping[Any, Any]) -> Rows:
    columns = {name: values.tolist() if hasattr(values, "tolist") else values for name, values in data.items()}
    for name, values in columns.items():
        if isinstance(values, (str, bytes)) or not isinstance(values, Sized):
            raise DataError(
                f"Expected {EXPECTED}; got a dictionary whose {shown(name)} is {shown(values, 60)}. "
                "Put a row in a list."
            )
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        have = listed(f"{shown(name)}: {n}" for name, n in lengths.items())
        raise DataError(f"Expected columns of one length; {what} has those of lengths {have}.")
    return CountedRows(what, partial(_rows_of_columns, columns), {}, next(iter(lengths.values()), 0))


def _of_data_set(data: Dataset) -> Iterator[Mapping[Any, Any]]:
    for columns in data.iter(batch_size=READ_AT_ONCE):  # rows one by one take eight times as long
        yield from _rows_of_columns(columns)


def _rows_of_columns(columns: Mapping[Any, Any]) -> Iterator[Mapping[Any, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _distinct(what: str, columns: Iterable[Any]) -> list[Any]:
    names = list(columns)
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(
            f"{what} has the column {shown(twice[0])} {names.count(twice[0])} times. Name each column once."
        )
    return names


def _once(data: Iterator[Any]) -> Callable[[], Iterator[Any]]:
    taken = iter([data])

    def read() -> Iterator[Any]:
        for rows in taken:
            return rows
        raise DataError("The data is read more than once, but a generator gives it only once; pass a list.")

    return read


def _hint(data: Any) -> str:
    if not isinstance(data, str):
        return ""
    return f" Put texts in a list, as in [{shown(data, 30)}], or load a file or named data set with load_data."
