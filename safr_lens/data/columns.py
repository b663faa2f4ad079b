"""Which column holds the text and which the label."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from safr_lens.errors import DataError, near_matches
from safr_lens.visible import listed, shown

TEXT_NAMES = ("text", "sentence", "review", "content", "document")
LABEL_NAMES = ("label", "labels", "sentiment", "class", "target", "polarity")
ROW_NUMBERS = ("", "index", "id", "idx")


def find_column(
    columns: Sequence[str], asked: str | None, usual: Sequence[str], *, role: str, where: str, more: str = ""
) -> str:
    """Return the column that plays ``role`` ("text" or "label"): the one asked for, or the usual name present.

    Args:
        columns: those there are.
        asked: the one that the user named.
        usual: usual names of such a column.
        role: what is looked for.
        where: what to call the source in a message.
        more: what else may mend it.

    Raises:
        DataError: naming the columns there are and near matches.
    """
    have = listed(map(shown, columns))
    if asked is not None:
        if isinstance(asked, Hashable) and asked in columns:
            return asked
        raise DataError(
            f"{where} has no {role} column {shown(asked)}; it has {have}.{near_matches(asked, columns)}{more}"
        )
    column = usual_column(columns, usual)
    if column is not None:
        return column
    raise DataError(
        f"{where}: no {role} column found among {have}; expected one of {', '.join(usual)}. "
        f"Name yours with {column_option(role)}.{more}"
    )


def find_columns(
    columns: Sequence[str], text: str | None, label: str | None, *, where: str, more: str = ""
) -> tuple[str, str]:
    """Return the columns of text and label; see :func:`find_column`.

    Raises:
        DataError: a column that is missing, or one for both.
    """
    found = (
        find_column(columns, text, TEXT_NAMES, role="text", where=where, more=more),
        find_column(columns, label, LABEL_NAMES, role="label", where=where, more=more),
    )
    if found[0] == found[1]:
        raise DataError(
            f"{where}: the text and the label are both to be read from column {shown(found[0])}; it has "
            f"{listed(map(shown, columns))}. Name two different ones with {column_option('text')} and "
            f"{column_option('label')}."
        )
    return found


def column_option(role: str) -> str:
    """Return how a user names the column that plays a role."""
    return f"--{role}-column (in Python: {role}_column=...)"


def usual_column(columns: Iterable[Any], usual: Sequence[str]) -> Any | None:
    """Return the column with the first of the usual names that is present, whatever its case, or None.

    >>> usual_column(["Review", "Stars"], TEXT_NAMES)
    'Review'
    """
    by_lower = {str(column).strip().lower(): column for column in columns}
    return next((by_lower[name] for name in usual if name in by_lower), None)


def keeps_labels_secret(columns: Sequence[str], train: Sequence[str], label: str) -> bool:
    """Whether a split lacks the label column alone, as the public test splits of benchmarks do.

    >>> keeps_labels_secret(["index", "sentence"], ["sentence", "label"], "label")
    True
    >>> keeps_labels_secret(["sentence", "lable"], ["sentence", "label"], "label")
    False
    """
    return label not in columns and set(columns) <= {*train, *ROW_NUMBERS}
