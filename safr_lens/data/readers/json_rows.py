"""JSON: one object a line (``.jsonl``, ``.json``), or one list of objects (``.json``)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from safr_lens.data.files import DataFile, FileFormat, register_format
from safr_lens.data.sources import ReadLog, ReadOptions, quoted
from safr_lens.errors import DataError
from safr_lens.visible import listed, shown

TO_ROWS = "In Python: table.to_json('data.jsonl', orient='records', lines=True)."


def _rows(file: DataFile, options: ReadOptions, log: ReadLog) -> Iterator[Mapping[str, Any]]:
    with file.text(options, log) as text:
        # not str.splitlines: texts may hold U+2028, which is no line end in JSON
        lines = enumerate((line.strip("\r\n\ufeff") for line in text), start=1)
        first, start = next(((number, line) for number, line in lines if line.strip()), (0, ""))
        log.dropped["empty line"] += max(first - 1, 0)
        if start.lstrip().startswith("[") and file.suffix == ".json":
            yield from _list(file.where, "\n".join([start, *(line for _, line in lines)]))
            return
        if first:
            yield _object(file, first, start)
        for number, line in lines:
            if line.strip():
                yield _object(file, number, line)
            else:
                log.dropped["empty line"] += 1


def _list(where: str, text: str) -> Iterator[Mapping[str, Any]]:
    try:
        rows = json.loads(text, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({error}). Mend it, or write it anew. {TO_ROWS}") from None
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise DataError(f"{where}, row {number}: expected an object, found {type(row).__name__}. {TO_ROWS}")
        yield row


def _object(file: DataFile, number: int, line: str) -> Mapping[str, Any]:
    where = f"{file.where}, line {number}"
    try:
        row = json.loads(line, object_pairs_hook=_distinct)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise DataError(f"{where}: not JSON ({reason}). Expected one object a line. {TO_ROWS}") from None
    if isinstance(row, list) and number == 1 and file.suffix == ".jsonl":
        renamed = quoted(file.name[: -len(".jsonl")] + ".json")
        raise DataError(f"{where}: expected an object, found list. If the file is one list, rename it: {renamed}")
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected an object, found {type(row).__name__}. {TO_ROWS}")
    if number == 1 and row and all(isinstance(value, (dict, list)) for value in row.values()):
        raise DataError(f"{where}: expected a row, found whole columns ({listed(map(shown, row))}). {TO_ROWS}")
    return row


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {shown(next(name for name in names if names.count(name) > 1))} stands twice in it")
    return row


register_format(FileFormat((".jsonl", ".json"), _rows))
