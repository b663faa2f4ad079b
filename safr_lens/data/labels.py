"""What a label column holds: each label as text, and the class names of data that bring none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int
from torch import Tensor

from safr_lens.data.columns import column_option
from safr_lens.data.tokenizer import without_surrogates
from safr_lens.errors import DataError
from safr_lens.visible import listed, shown

MAX_CLASSES = 1000
HIDDEN = "-1"
HIDDEN_CLASS = "Label -1 is taken as a class of its own; where it marks hidden labels, remove these rows."
HIDDEN_ADVICE = (
    "usually marks hidden labels, as in the test splits of competitions; such texts cannot be scored. "
    "Remove these rows, or use another split (--split validation) or file."
)
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")  # up to 64 bits; a longer one is text
_FRACTION = re.compile(r"[-+]?[0-9]*[.,][0-9]+")


@dataclass(frozen=True)
class LabelColumn:
    """The label column of one split.

    Attributes:
        where: file or split, for messages.
        rows: each label as text, with the first row that has it; the key is None for rows without a label.
        n_rows: number of rows.
        names: of data that bring their own class names, whose whole numbers are indices into these.
    """

    where: str
    rows: dict[str | None, int]
    n_rows: int
    names: tuple[str, ...] | None = None

    @classmethod
    def read(cls, values: Iterable[Any], *, where: str, names: tuple[str, ...] | None = None) -> LabelColumn:
        """Read a column.

        Raises:
            DataError: a value that is no single label.
        """
        rows: dict[str | None, int] = {}
        number = 0
        for number, value in enumerate(values, start=1):
            rows.setdefault(row_label(value, names, where=where, row=number), number)
        return cls(where, rows, number, names)

    @property
    def hidden(self) -> bool:
        """Whether no row has a label: all are missing or -1."""
        return not self.rows.keys() - {None, HIDDEN}


def label_text(value: Any) -> str | None:
    """Return a label as text, None where a cell holds none; text keeps every character between its outer blanks.

    A number is never made of a text. A whole float is its integer, since a column of integers with gaps is stored as
    floats.

    Raises:
        TypeError: a value that is no single label, as a list.

    >>> [label_text(value) for value in ("007", "1e2", " None ", None, 1.0, 2**53 + 1, True)]
    ['007', '1e2', 'None', None, '1', '9007199254740993', 'True']
    """
    if isinstance(value, str):
        return without_surrogates(value.strip()) or None
    if isinstance(value, np.generic):
        value = value.item()
    if is_missing(value):
        return None
    if not isinstance(value, (bool, int, float, Decimal)):
        raise TypeError(f"{type(value).__name__} as its label; expected one class a row.")
    whole = not isinstance(value, bool) and value == value // 1
    text = str(int(value) if whole else value)
    if whole and not _WHOLE.fullmatch(text):
        raise TypeError("a whole number of more than 18 digits as its label; give such labels as text.")
    return text


def row_label(value: Any, names: tuple[str, ...] | None, *, where: str, row: int) -> str | None:
    """Return one row's label as text; a number of data with class names of their own is the name that it stands for."""
    try:
        text = label_text(value)
    except TypeError as error:
        raise DataError(f"{where}: row {row} has {error}") from None
    if names is None or text is None or not _WHOLE.fullmatch(text) or (isinstance(value, str) and text in names):
        return text
    return names[int(text)] if 0 <= int(text) < len(names) else text


def label_names(column: LabelColumn) -> tuple[str, ...]:
    """Return the class names in the order of their integers: whole numbers by size, class names by alphabet.

    >>> label_names(LabelColumn.read(["pos", "neg", "pos"], where="reviews.csv"))
    ('neg', 'pos')
    >>> label_names(LabelColumn.read([10, 0, 4.0], where="reviews.csv"))
    ('0', '4', '10')

    Raises:
        DataError: a missing or fractional label, numbers mixed with words, one class only, too many classes.
    """
    if column.names is not None:
        return column.names
    check_none_missing(column)
    names = set(read_as(column).values())
    whole = {name for name in names if _WHOLE.fullmatch(name)}
    odd = [name for name in names if _FRACTION.fullmatch(name)]
    if whole:
        odd += [name for name in names if not any(character.isdigit() for character in name)]
    if odd:
        raise DataError(
            f"{column.where}: labels must be all whole numbers or all class names, but one is {shown(min(odd))} "
            f"(row {column.rows[min(odd)]}). Mend that row, or name the right column with {column_option('label')}."
        )
    ordered = sorted(names, key=int) if whole == names else sorted(names)
    if len(ordered) < 2:
        only = f"one class only ({shown(ordered[0])})" if ordered else "no row at all"
        hidden = f" {HIDDEN} {HIDDEN_ADVICE}" if ordered == [HIDDEN] else ""
        raise DataError(
            f"{column.where}: a classifier needs at least two classes, but the label column has {only}.{hidden}"
        )
    if len(ordered) > MAX_CLASSES or (len(ordered) > 20 and len(ordered) > column.n_rows / 2):
        raise DataError(
            f"{column.where}: {len(ordered):,} different labels in {column.n_rows:,} rows are too many for classes. "
            f"Is it the right column? Name it with {column_option('label')}."
        )
    return tuple(ordered)


def read_as(column: LabelColumn) -> dict[str, str]:
    """Return what each label is read as: itself, but ``1.0`` is ``1`` where every label of the column ends so.

    >>> read_as(LabelColumn.read(["1.0", "0.0"], where="reviews.csv"))
    {'1.0': '1', '0.0': '0'}
    >>> read_as(LabelColumn.read(["1.0", "1"], where="reviews.csv"))
    {'1.0': '1.0', '1': '1'}
    """
    labels = [label for label in column.rows if label is not None]
    as_floats = all(label.endswith(".0") and _WHOLE.fullmatch(label[:-2]) for label in labels)
    return {label: label[:-2] if as_floats else label for label in labels}


def is_whole(label: str) -> bool:
    """Whether a label is a whole number, written without leading zeros."""
    return _WHOLE.fullmatch(label) is not None


def check_none_missing(column: LabelColumn) -> None:
    """Check that every row has a label."""
    if None in column.rows:
        raise DataError(
            f"{column.where}: row {column.rows[None]} has no label. Fill it in or remove the row, or name "
            f"another column with {column_option('label')}."
        )


def checked_names(labels: Iterable[Any]) -> tuple[str, ...]:
    """Return class names as a tuple of texts.

    Raises:
        DataError: one text in place of a list, a name twice, or an empty one.

    >>> checked_names(["negative", "positive"])
    ('negative', 'positive')
    """
    given = distinct(labels)
    try:
        names = [label_text(label) for label in given]
    except TypeError:
        raise DataError(f"labels must be a list of class names; got {shown(given, 100)}.") from None
    known = tuple(name for name in names if name is not None)
    if len(known) < len(names):
        raise DataError(f"Every class needs a name; got {shown(given, 100)}.")
    return tuple(distinct(known))


def distinct(labels: Iterable[Any]) -> list[Any]:
    """Return class names as a list.

    Raises:
        DataError: one text or a set in place of a list, or a name twice.
    """
    if isinstance(labels, str):
        raise DataError(f"labels must be a list of class names; got the text {shown(labels)}, whose letters are none.")
    if isinstance(labels, (set, frozenset)):
        raise DataError(f"labels must be a list of class names; got the set {sorted(map(str, labels))}, without order.")
    if not isinstance(labels, Iterable):
        raise DataError(f"labels must be a list of class names; got {shown(labels)}.")
    given = list(labels)
    names = list(map(str, given))
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DataError(f"The class {shown(twice[0])} is named twice in {shown(given, 100)}. Name each class once.")
    return given


def check_labels(labels: Int[Tensor, " n_texts"], names: Sequence[str], *, may_lack: bool = False) -> None:
    """Check that labels are numbers of a model's classes; with ``may_lack``, texts without a label (-1) pass.

    Raises:
        DataError: another label.
    """
    wrong = labels[(labels >= len(names)) | ((labels < 0) & (not may_lack))]
    if not len(wrong):
        return
    hidden = (
        ', as where labels are hidden; leave such rows out, as in [row for row in rows if row["label"] != -1]'
        if int(wrong.max()) == -1
        else ""
    )
    raise DataError(
        f"The data has label {int(wrong[0])}, but the model knows {len(names)} classes: {listed(names)}. "
        f"Pass rows such as {{'text': ..., 'label': 0}} with labels from 0 to {len(names) - 1}; "
        f"-1 stands for none{hidden}."
    )


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN or blanks."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))
