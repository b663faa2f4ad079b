"""Records of a text file, with the line where a quotation mark opened that would swallow other rows."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from safr_lens.errors import DataError

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
MOST_SUSPECTS = 1000
MEND_QUOTE = 'Remove the mark; or, if it belongs to the text, put the text in quotes and double it: """so"" it begins".'


class BadRecordError(DataError):
    """A record whose quotation marks do not fit."""


@dataclass(frozen=True)
class Record:
    """One record: its cells, the number of its first line, and its lines as they stand."""

    cells: list[str]
    line: int
    lines: list[str]


@dataclass
class _Lines:
    """Counts lines and keeps those of the current record."""

    source: Iterator[str]
    where: str
    number: int = 0
    kept: list[str] = field(default_factory=list)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = next(self.source)
        self.number += 1
        if "\0" in line:
            raise DataError(
                f"{self.where}, line {self.number} holds a NUL byte, which no text has. The file may be damaged; "
                "fetch it anew, or write it without these bytes: tr -d '\\000' < old > new"
            )
        self.kept.append(line)
        return line


def records(source: Iterator[str], separator: str, *, quoted: bool, where: str, wary: bool = False) -> Iterator[Record]:
    """Yield the records of a text file.

    Args:
        source: its lines with their ends.
        separator: between cells.
        quoted: whether quotation marks group.
        where: what to call the file in a message.
        wary: take all lines that could be rows of their own for such.

    Raises:
        BadRecordError: a mark that never closes, that closes within a cell, or that spans lines which are rows of
            their own.
    """
    lines = _Lines(source, where)
    reader = csv.reader(lines, delimiter=separator, strict=quoted, quoting=quoting(marks=quoted))
    suspects = _Suspects(separator, where, wary=wary)
    while True:
        start, lines.kept = lines.number + 1, []
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            opened = start + _opened(lines.kept, separator)
            raise BadRecordError(_message(where, opened, lines.number, error)) from None
        record = Record(cells, start, lines.kept)
        yield record
        suspects.see(record)
    suspects.check()


def quoting(*, marks: bool) -> Literal[0, 3]:
    """Return how the module ``csv`` calls it whether quotation marks group."""
    return csv.QUOTE_MINIMAL if marks else csv.QUOTE_NONE


def _message(where: str, opened: int, last: int, error: csv.Error) -> str:
    fault = str(error)
    if "end of data" in fault:
        fault = "the quotation mark that opens here never closes, so all below it would be one text"
    elif "expected after" in fault:
        place = f"in line {last}, within a text" if last > opened else "within the text"
        fault = f"the quotation mark that opens here closes {place}"
    return f"{where}, line {opened}: {fault}. {MEND_QUOTE}"


def _opened(lines: list[str], separator: str) -> int:
    """Return in which of a record's lines the mark opened that is wrong."""
    opened, inside, fresh, closed = 0, False, True, False
    for number, line in enumerate(lines):
        for char in line:
            if inside:
                inside, closed = char != '"', char == '"'
            elif closed and char == '"':
                inside, closed = True, False
            elif closed and char not in (separator, "\r", "\n"):
                return opened
            elif fresh and char == '"':
                opened, inside, fresh = number, True, False
            else:
                fresh, closed = char in (separator, "\r", "\n"), False
    return opened


class _Suspects:
    """Records of several lines each of which could be a row: a mark that opens one row and closes another."""

    def __init__(self, separator: str, where: str, *, wary: bool) -> None:
        self.separator, self.where, self.wary = separator, where, wary
        self.suspects: list[tuple[Record, list[list[str]]]] = []
        self.seen: list[dict[str, int]] = []
        self.rows = 0

    def see(self, record: Record) -> None:
        """Remember short cells, and a record that may be several rows."""
        if self.rows == 0:
            self.seen = [{} for _ in record.cells]
        self.rows += 1
        for counts, cell in zip(self.seen, record.cells, strict=False):
            if len(cell) <= 40 and (cell in counts or len(counts) < MOST_SUSPECTS):
                counts[cell] = counts.get(cell, 0) + 1
        if len(record.lines) > 1 and len(self.suspects) < MOST_SUSPECTS:
            inner = [
                next(csv.reader([line], delimiter=self.separator, quoting=csv.QUOTE_NONE)) for line in record.lines
            ]
            if len(record.cells) > 1 and all(len(row) == len(record.cells) for row in inner):
                self.suspects.append((record, inner))

    def check(self) -> None:
        """Raise for a record whose lines have, in some column, cells like those that other rows have there."""
        for record, inner in self.suspects:
            for column, counts in enumerate(self.seen):
                cells = [row[column].strip().strip('"') for row in inner]
                if all(any(map(str.strip, row)) for row in inner) and all(cells) and self._usual(cells[:-1], counts):
                    raise BadRecordError(
                        f"{self.where}, line {record.line}: the quotation mark that opens here closes "
                        f"{len(inner) - 1} line(s) below, and each line in between looks like a row of its own. "
                        f"{MEND_QUOTE} If it is one text, save the data as jsonl or parquet."
                    )

    def _usual(self, cells: list[str], counts: dict[str, int]) -> bool:
        """Whether cells are like those that other rows have in a column of few different ones."""
        if self.wary:
            return True
        numbers = all(map(str.isdigit, [*cells, *counts]))
        return len(counts) <= max(20, self.rows // 2) and (numbers or any(cell in counts for cell in cells))
