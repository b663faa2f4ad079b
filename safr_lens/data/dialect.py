"""By what the cells of a text file are separated, and whether quotation marks group them: looked up in the file."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from safr_lens.data.columns import LABEL_NAMES, TEXT_NAMES
from safr_lens.data.records import BadRecordError, quoting, records

SEPARATORS = (",", ";", "\t", "|")
SHOWN = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
SAMPLE = 200
_DECLARED = re.compile(r"^\ufeff?sep=(.)\s*$")


@dataclass(frozen=True)
class Dialect:
    """How lines become cells.

    Attributes:
        separator: between cells.
        quoted: whether quotation marks group, and two of them stand for one.
        declared: whether the first line is Excel's ``sep=;``.
    """

    separator: str
    quoted: bool = True
    declared: bool = False


def find_dialect(lines: Iterator[str], *, tsv: bool) -> Dialect:
    """Return the dialect of a file, from all of its lines.

    The separator is the usual one of its ending, unless only another one gives every line the same number of cells.
    A ``tsv`` file has no quoting, unless all of its lines are valid with it and some need it.
    """
    usual = "\t" if tsv else ","
    head = list(itertools.islice(lines, SAMPLE))
    if head and (match := _DECLARED.match(head[0])):
        return Dialect(match[1], declared=True)
    separator = _separator(head, usual, tsv=tsv)
    return Dialect(separator, quoted=not tsv or _needs_quoting(itertools.chain(head, lines), separator))


def headerless_columns(first: list[str]) -> list[str] | None:
    """Return the columns of a file whose first row shows that it has no header: two cells, one a whole number."""
    numbers = [cell.strip().isdigit() for cell in first]
    if len(first) != 2 or not any(numbers):
        return None
    return ["label", "text"] if numbers == [True, False] else ["text", "label"]


def guessed_columns(rows: list[list[str]]) -> list[str] | None:
    """Return which of two columns is the label, by which has fewer different cells; None where both have as many."""
    if not rows or len(rows[0]) != 2:
        return None
    if known := headerless_columns(rows[0]):
        return known
    left, right = (len({row[i] for row in rows if len(row) == 2}) for i in (0, 1))
    return None if left == right else ["label", "text"] if left < right else ["text", "label"]


def _separator(head: list[str], usual: str, *, tsv: bool) -> str:
    samples = {one: _sample(head, one, quoted=not (tsv and one == usual)) for one in SEPARATORS}
    if not samples[usual]:
        return usual
    even = {one: _evenness(rows) for one, rows in samples.items()}
    for one in (usual, *SEPARATORS):
        if _has_names(samples[one][0]):
            return one
    return usual if even[usual] == 1.0 else max((usual, *SEPARATORS), key=lambda one: even[one])


def _sample(head: list[str], separator: str, *, quoted: bool) -> list[list[str]]:
    reader = csv.reader(head, delimiter=separator, quoting=quoting(marks=quoted))
    rows = [row for row in reader if any(map(str.strip, row))]
    return rows if len(head) < SAMPLE or len(rows) == 1 else rows[:-1]  # the last may go on below the sample


def _evenness(rows: list[list[str]]) -> float:
    """Return the share of rows with as many cells as the first, or 0 where that has but one."""
    width = len(rows[0])
    return 0.0 if width == 1 else sum(len(row) == width for row in rows) / len(rows)


def _has_names(first: list[str]) -> bool:
    names = {cell.strip().lower() for cell in first}
    return bool(names & set(TEXT_NAMES)) and bool(names & set(LABEL_NAMES))


def _needs_quoting(lines: Iterable[str], separator: str) -> bool:
    needed = False
    try:
        for record in records(iter(lines), separator, quoted=True, where="", wary=True):
            raw = "".join(record.lines)
            if '"' in raw and not needed:
                doubled = any(cell[0] == '"' and '""' in cell[1:] for cell in raw.split(separator) if len(cell) > 3)
                needed = doubled or len(record.lines) > 1 or raw.count(separator) >= len(record.cells)
    except BadRecordError:
        return False
    return needed
