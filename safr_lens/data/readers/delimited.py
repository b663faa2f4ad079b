"""Text tables: ``.csv`` and ``.tsv``, whatever separates their cells."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from safr_lens.data.dialect import SAMPLE, SHOWN, Dialect, find_dialect, guessed_columns, headerless_columns
from safr_lens.data.files import NO_HEADER, DataFile, FileFormat, register_format
from safr_lens.data.records import Record, records
from safr_lens.data.sources import ReadLog, ReadOptions
from safr_lens.errors import DataError
from safr_lens.visible import shown


def _rows(file: DataFile, options: ReadOptions, log: ReadLog) -> Iterator[Mapping[str, Any]]:
    tsv = file.suffix == ".tsv"
    with file.text(options, log) as text:
        dialect = find_dialect(text, tsv=tsv)
    _say(dialect, log, tsv=tsv)
    with file.text(options, log) as text:
        lines = itertools.islice(text, int(dialect.declared), None)
        rows = records(lines, dialect.separator, quoted=dialect.quoted, where=file.where)
        full = _without_empty(rows, log)
        head = list(itertools.islice(full, 1 if options.header is None else SAMPLE))
        if not head:
            raise DataError(f"{file.where} is empty.")
        if len(head[0].cells) == 1:
            raise DataError(
                f"{file.where}: its first row is one cell, {shown(head[0].cells[0], 60)}; expected text and label "
                "separated by commas, semicolons, tabs or vertical bars. Save it so."
            )
        columns, is_header = _columns(file, [record.cells for record in head], options, log)
        for record in itertools.chain(head[int(is_header) :], full):
            yield _row(record, columns, file.where, log)


def _say(dialect: Dialect, log: ReadLog, *, tsv: bool) -> None:
    if dialect.separator != ("\t" if tsv else ","):
        log.assume(f"separated by {SHOWN.get(dialect.separator, repr(dialect.separator))}")
    if tsv and dialect.quoted:
        log.assume("quoted as in csv")


def _without_empty(rows: Iterator[Record], log: ReadLog) -> Iterator[Record]:
    for record in rows:
        if any(map(str.strip, record.cells)):
            yield record
        else:
            log.dropped["empty line"] += 1


def _columns(file: DataFile, head: list[list[str]], options: ReadOptions, log: ReadLog) -> tuple[list[str], bool]:
    """Return the names of the columns, and whether the first row holds them."""
    first = head[0]
    numbered = [str(number) for number in range(1, len(first) + 1)]
    if options.header is False:
        guessed = None if options.named_columns else guessed_columns(head)
        if guessed:
            log.assume(f"column {guessed.index('text') + 1} is the text, column {guessed.index('label') + 1} the label")
        return guessed or numbered, False
    names = [cell.strip() for cell in first]
    repeated = [name for name in names if name and names.count(name) > 1]
    guessed = None if options.header else headerless_columns(first)
    if guessed:
        log.assume("without a header")
        return guessed, False
    if repeated:
        raise DataError(f"{file.where} has more than one column {shown(repeated[0])}. Rename or remove one.{NO_HEADER}")
    return names, True


def _row(record: Record, columns: list[str], where: str, log: ReadLog) -> dict[str, str]:
    cells = record.cells
    surplus = cells[len(columns) :]
    if len(cells) < len(columns) or any(map(str.strip, surplus)):
        last = record.line + len(record.lines) - 1
        raise DataError(
            f"{where}, line {last}: expected {len(columns)} columns, found {len(cells)}. "
            "A text that holds the separator must stand in quotes."
        )
    if surplus:
        log.assume("empty cells beyond the last column left out")
    nameless = [cell for name, cell in zip(columns[1:], cells[1:], strict=False) if not name]
    if any(map(str.strip, nameless)):
        cell = next(filter(str.strip, nameless))
        raise DataError(
            f"{where}, line {record.line}: a cell ({shown(cell, 40)}) stands in a column without a name. It may be the "
            "rest of a text that holds the separator and is not in quotes. Put such texts in quotes, or name every "
            f"column in the first line.{NO_HEADER}"
        )
    # a first column without a name is the index that pandas writes
    return {name: cell for at, (name, cell) in enumerate(zip(columns, cells, strict=False)) if name or at == 0}


register_format(FileFormat((".csv", ".tsv"), _rows, header=True))
