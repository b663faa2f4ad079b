"""From whatever a label column holds to class names, and from a label to its integer 0..n_classes-1."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from jaxtyping import Int
from torch import Tensor

from safr_lens.errors import DataError, near_matches

MAX_CLASSES = 1000


def label_names(values: Iterable[Any], *, where: str) -> tuple[str, ...]:
    """Return the class names in the order of their integers: whole numbers by size, class names by alphabet.

    >>> label_names(["pos", "neg", "pos"], where="reviews.csv")
    ('neg', 'pos')
    >>> label_names([4, 0, 4.0], where="reviews.csv")
    ('0', '4')

    Raises:
        DataError: a missing or fractional label, numbers mixed with names, one class only, too many classes.
    """
    distinct = set()
    n_rows = 0
    for n_rows, value in enumerate(values, start=1):
        if not isinstance(value, (str, int, float, type(None))):
            raise DataError(f"{where}: row {n_rows} has {type(value).__name__} as its label; expected one class a row.")
        if is_missing(value):
            raise DataError(f"{where}: row {n_rows} has no label. Fill it in or remove the row.")
        distinct.add(value.strip() if isinstance(value, str) else value)
    whole = {value: _whole_number(value) for value in distinct}
    odd = [value for value, number in whole.items() if number is None]
    if not odd:
        return _checked(tuple(str(i) for i in sorted(set(whole.values()))), n_rows, where)  # type: ignore[type-var]
    if len(odd) < len(whole) or not all(isinstance(value, str) and not _is_number(value) for value in odd):
        raise DataError(
            f"{where}: labels must be all whole numbers or all class names, but one is {sorted(map(repr, odd))[0]}. "
            "Mend that row, or name the right label column with --label-column."
        )
    return _checked(tuple(sorted(map(str, odd))), n_rows, where)


def label_index(value: Any, names: Sequence[str], *, where: str) -> int:
    """Return the integer of one label, given as class name, numeral or index.

    >>> label_index("pos", ["neg", "pos"], where="reviews.csv")
    1
    """
    number = None if is_missing(value) else _whole_number(value)
    name = value.strip() if isinstance(value, str) else str(number)
    if name in names:
        return names.index(name)
    if str(number) in names:
        return names.index(str(number))
    if number is not None and 0 <= number < len(names) and not all(map(_is_number, names)):
        return number
    raise DataError(
        f"{where}: label {value!r} is none of the {len(names)} classes: {', '.join(names[:20])}."
        + near_matches(str(value), names)
    )


def check_labels(labels: Int[Tensor, " n_texts"], names: Sequence[str], *, may_lack: bool = False) -> None:
    """Check that labels are numbers of a model's classes; with ``may_lack``, texts without a label (-1) pass.

    Raises:
        DataError: another label.
    """
    wrong = labels[(labels >= len(names)) | ((labels < 0) & (not may_lack))]
    if len(wrong):
        raise DataError(
            f"The data has label {int(wrong[0])}, but the model knows {len(names)} classes: {', '.join(names)}. "
            f"Pass rows such as {{'text': ..., 'label': 0}} with labels from 0 to {len(names) - 1}; -1 stands for none."
        )


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, NaN or blanks."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value).strip() == ""


def _checked(names: tuple[str, ...], n_rows: int, where: str) -> tuple[str, ...]:
    if len(names) < 2:
        only = f"one class only ({names[0]!r})" if names else "no row at all"
        raise DataError(f"{where}: a classifier needs at least two classes, but the label column has {only}.")
    if len(names) > MAX_CLASSES or (len(names) > 20 and len(names) > n_rows / 2):
        raise DataError(
            f"{where}: {len(names):,} different labels in {n_rows:,} rows are too many for classes. "
            "Is it the right column? Name it with --label-column."
        )
    return names


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _whole_number(value: Any) -> int | None:
    if not _is_number(value):
        return None
    number = float(value)
    return int(number) if math.isfinite(number) and number == int(number) else None
