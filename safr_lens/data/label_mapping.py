"""Which class each label of some data means, and the error for labels that mean none."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from safr_lens.data.columns import column_option
from safr_lens.data.labels import (
    HIDDEN,
    HIDDEN_ADVICE,
    LabelColumn,
    check_none_missing,
    checked_names,
    is_whole,
    label_names,
    label_text,
    read_as,
    row_label,
)
from safr_lens.errors import DataError, near_matches
from safr_lens.visible import LONGEST_LIST, listed, shown

SHOWN = 20
CLASS = "CLASS"

Labels: TypeAlias = Mapping[Any, str] | Iterable[Any]


@dataclass(frozen=True)
class StatedLabels:
    """What a user says of labels: the classes in the order of their integers, and the class of each label."""

    names: tuple[str, ...]
    meaning: Mapping[str, str]


def stated_labels(labels: Labels) -> StatedLabels:
    """Return what ``labels`` states: a mapping from label to class, or class names of which the one at i means label i.

    The classes of a mapping come by their numbers if all its labels are whole numbers, else in the order in which they
    are first named. Several labels may mean one class. A list that holds whole numbers as names numbers nothing.

    Raises:
        DataError: one text in place of a list, a name twice in a list, an empty name, a label stated twice.

    >>> stated_labels({1: "positive", 0: "negative"}).names
    ('negative', 'positive')
    >>> stated_labels(["negative", "positive"]).meaning
    {'0': 'negative', '1': 'positive'}
    """
    if not isinstance(labels, Mapping):
        names = checked_names(labels)
        numbered = not any(map(is_whole, names))
        return StatedLabels(names, {str(i): name for i, name in enumerate(names)} if numbered else {})
    stated = [label_text(label) for label in labels]
    pairs = list(zip(stated, map(_class_name, labels.values()), strict=True))
    known = [label for label in stated if label is not None]
    if len(known) < len(pairs) or len(set(known)) < len(known):
        raise DataError(
            f"Expected labels={{label: class}}, with each label of the data once; got {shown(dict(labels), 200)}."
        )
    if all(map(is_whole, known)):
        pairs.sort(key=lambda pair: int(pair[0] or 0))
    meaning = {str(label): name for label, name in pairs}
    return StatedLabels(tuple(dict.fromkeys(meaning.values())), meaning)


def map_labels(
    column: LabelColumn, names: Sequence[str], *, stated: StatedLabels | None = None, names_of: str
) -> dict[str, str]:
    """Return the class of each label.

    A label means the class that the user states for it, or else the class of the same name. A whole number is no index:
    only data with class names of their own have indices, and these are read as the names (or, where the user or a model
    has numbers for names, as such).

    Args:
        column: with the labels.
        names: the classes.
        stated: by the user.
        names_of: whose classes these are, for the message.

    Raises:
        DataError: labels that mean no class, with both sets and how to state what they mean.

    >>> from safr_lens.data.labels import LabelColumn
    >>> column = LabelColumn.read([1, 0], where="test.csv")
    >>> map_labels(column, ("bad", "good"), stated=stated_labels({0: "bad", 1: "good"}), names_of="the model")
    {'1': 'good', '0': 'bad'}
    >>> map_labels(column, ("bad", "good"), names_of="the model")
    Traceback (most recent call last):
    ...
    safr_lens.errors.DataError: test.csv, row 1: label '1' is none of the 2 classes of the model: bad, good. ...
    """
    meaning = {} if stated is None else stated.meaning
    if column.names is not None:
        return _of_named(column, names, meaning, names_of)
    check_none_missing(column)
    mapping = {}
    for label, reading in read_as(column).items():
        meant = meaning.get(label) or meaning.get(reading)
        mapping[label] = meant or (label if label in names else reading)
    _check_known(column, mapping, names, names_of)
    return mapping


def _of_named(column: LabelColumn, names: Sequence[str], meaning: Mapping[str, str], names_of: str) -> dict[str, str]:
    """Data with class names: by these names, or by index where none of the names is known and the numbers are."""
    own = column.names or ()
    if not any(name in meaning or name in names for name in own):
        indices = {str(i): name for i, name in enumerate(own)}
        if meaning and meaning.keys() <= indices.keys():
            return {indices[index]: name for index, name in meaning.items()}
        if not meaning and set(names) == indices.keys():
            return {name: index for index, name in indices.items()}
    check_none_missing(column)
    mapping = {name: meaning.get(name, name) for name in own}
    known = {label: name for label, name in mapping.items() if name in names}
    read = column.rows if known and column.rows else own  # of a stream nothing is read ahead
    _check_known(column, {str(label): mapping.get(str(label), str(label)) for label in read}, names, names_of)
    return known


def _check_known(column: LabelColumn, mapping: Mapping[str, str], names: Sequence[str], names_of: str) -> None:
    unknown = [label for label, name in mapping.items() if name not in names]
    if unknown:
        raise DataError(_unknown(column, unknown, list(mapping), names, names_of))


def _unknown(
    column: LabelColumn, unknown: Sequence[str], labels: Sequence[str], names: Sequence[str], names_of: str
) -> str:
    where = f"{column.where}, row {min(column.rows.get(label, 1) for label in unknown)}"
    if unknown == [HIDDEN]:
        return f"{where}: label -1 {HIDDEN_ADVICE} The classes of {names_of} are {listed(names)}."
    ordered = sorted(unknown, key=int) if all(map(is_whole, unknown)) else sorted(unknown)
    first = min(unknown, key=lambda label: column.rows.get(label, 1))
    words = (
        f"{where}: label {shown(first)} is none of the {len(names)} classes of {names_of}: {listed(names)}. "
        f"The labels there are {listed(sorted(labels))}."
    )
    if len(unknown) > SHOWN or sum(map(len, unknown)) > LONGEST_LIST:  # texts, perhaps
        return f"{words} Is it the right column? Name it with {column_option('label')}."
    pairs = {label: _nearest(label, names) for label in ordered}
    options = " ".join(shlex.quote(f"{label}={name}") for label, name in pairs.items())
    words += "" if is_whole(first) else near_matches(first, names)
    words += f" State what they mean: --labels {options} (in Python: load_data(..., labels={shown(pairs)}))"
    words += f", with one of {listed(names)} for each {CLASS}." if CLASS in pairs.values() else "."
    return words + (f" But -1 {HIDDEN_ADVICE}" if HIDDEN in unknown else "")


def _nearest(label: str, names: Sequence[str]) -> str:
    """A class of nearly the same name, or a place for the user's own choice, since a guess could be wrong."""
    near = "" if is_whole(label) else near_matches(label, names)
    return min((name for name in names if repr(name) in near), key=lambda name: near.index(repr(name)), default=CLASS)


def _class_name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise DataError(
            f"A label means a class, by its name; got {shown(value)}. Expected labels={{0: 'negative', ...}}."
        )
    return value.strip()


def merged(mappings: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the class of each label of all splits, from the mapping of each.

    >>> merged({"train": {"bad": "bad"}, "test": {"0": "bad"}})
    {'bad': 'bad', '0': 'bad'}
    """
    return {label: name for mapping in mappings.values() for label, name in mapping.items()}


def differing(mapping: Mapping[str, str]) -> str:
    """Return ``"0=negative, 1=positive"`` for the labels that differ from the names of their classes, or nothing.

    >>> differing({"0": "negative", "1": "positive"})
    '0=negative, 1=positive'
    """
    pairs = [f"{label}={name}" for label, name in mapping.items() if label != name]
    return ", ".join(pairs[:SHOWN]) + (", ..." if len(pairs) > SHOWN else "")


@dataclass(frozen=True)
class LabelReader:
    """Reads the labels of one split as the integers of classes.

    Attributes:
        column: the labels read ahead.
        names: the classes in the order of their integers.
        names_of: whose classes they are, for messages.
        stated: by the user.
        mapping: the class of each label.
    """

    column: LabelColumn
    names: tuple[str, ...]
    names_of: str
    stated: StatedLabels | None = None
    mapping: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        mapping = map_labels(self.column, self.names, stated=self.stated, names_of=self.names_of)
        object.__setattr__(self, "mapping", mapping)

    def read(self, value: Any, *, row: int) -> int:
        """Return the integer of a label.

        Raises:
            DataError: a label that was not read ahead and means no class.
        """
        label = row_label(value, self.column.names, where=self.column.where, row=row)
        if label not in self.mapping:
            column = LabelColumn(self.column.where, {label: row}, 1, self.column.names)
            self.mapping.update(map_labels(column, self.names, stated=self.stated, names_of=self.names_of))
        return self.names.index(self.mapping[str(label)])


def label_readers(
    columns: Mapping[str, LabelColumn], *, labels: Labels | None = None, classes: Sequence[str] | None = None
) -> dict[str, LabelReader]:
    """Return what reads the labels of each split as integers of the same classes.

    Args:
        columns: of each split.
        labels: what the user says they mean, see :func:`stated_labels`.
        classes: of a model; without them the classes are those that ``labels`` states, or else those of train.

    Raises:
        DataError: labels that mean no class, or classes stated that the model doesn't have.
    """
    stated = None if labels is None else stated_labels(labels)
    if classes is not None:
        names, names_of = tuple(classes), "the model"
        foreign = [name for name in stated.names if name not in names] if stated else []
        if foreign:
            raise DataError(
                f"labels states the class {shown(foreign[0])}, but the model knows {listed(names)}."
                f"{near_matches(foreign[0], names)}"
            )
    elif stated is not None:
        names, names_of = stated.names, "the stated labels"
        if len(names) < 2:
            raise DataError(f"A classifier needs at least two classes; labels states {listed(names) or 'none'}.")
    else:
        first = columns["train"] if "train" in columns else next(iter(columns.values()))
        names, names_of = label_names(first), first.where.replace("The ", "the ", 1)
    return {split: LabelReader(one, names, names_of, stated) for split, one in columns.items()}
