"""The one door for JSON and YAML files: nothing in a file can hang, exhaust or surprise what reads it.

Read are regular files of at most 64 MiB of UTF-8, nested at most 64 deep, of at most ten million values, without a key
that is named twice, and with numbers that are finite and have at most 63 bits.
"""

from __future__ import annotations

import json
import stat
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from safr_lens.visible import shortened, shown, visible

MOST_BYTES, MOST_DEPTH, MOST_VALUES, MOST_BITS = 64 * 2**20, 64, 10_000_000, 63
MOST_SETTINGS, MOST_SETTINGS_BYTES = 10_000, 2**18
Schema = TypeVar("Schema")


class DocumentError(ValueError):
    """A file that exists and is not what it should be; the message says what is wrong with it."""


def read_text(path: Path, *, most: int = MOST_BYTES) -> str:
    """Return what a regular file of at most ``most`` bytes of UTF-8 holds.

    Raises:
        OSError: it cannot be read, as where there is none.
        DocumentError: a pipe, a device or a folder; a file that is too large or is no UTF-8.
    """
    check_regular(path)
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise DocumentError(f"it has more than {most:,} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"byte {error.start:,} is no UTF-8") from None


def check_regular(path: Path) -> None:
    """Raise a DocumentError for a path that is no regular file: to open a pipe or a device may wait for ever.

    Raises:
        FileNotFoundError: there is none.
        DocumentError: a pipe, a device or a folder.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise DocumentError("it is no regular file but a folder, a pipe or a device")


def read_json(path: Path) -> Any:
    """Return the value that a JSON file holds; raises as :func:`read_text` and :func:`parse_json`."""
    return parse_json(read_text(path))


def read_json_lines(path: Path) -> list[Any]:
    """Return the values of a file with one JSON value a line; raises as :func:`read_json`, with the line."""
    values = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            try:
                values.append(parse_json(line))
            except DocumentError as error:
                raise DocumentError(f"line {number:,}: {error}") from None
    return values


def parse_json(text: str | bytes) -> Any:
    """Return the value that a JSON text holds.

    Raises:
        DocumentError: no JSON, NaN or infinity, a key named twice, a number too long, or nested too deep.

    >>> parse_json('{"epochs": 3}')
    {'epochs': 3}
    """
    try:
        value = json.loads(text, object_pairs_hook=distinct_keys, parse_constant=_no_constant)
    except RecursionError:
        raise DocumentError(f"it is nested more than {MOST_DEPTH} deep") from None
    except DocumentError:
        raise
    except ValueError as error:  # no JSON, no UTF-8, or a number of thousands of digits
        raise DocumentError(_said(error)) from None
    return _bounded(value, MOST_VALUES)


def read_settings_file(path: Path) -> Any:
    """Return the value that a YAML file, or a JSON file, holds; raises as :func:`read_json`.

    YAML can name a value and repeat it: what is repeated counts each time, up to 10,000 values in all.
    """
    text = read_text(path, most=MOST_SETTINGS_BYTES)
    if path.suffix.lower() == ".json":
        return parse_json(text)
    try:
        return _bounded(yaml.load(text, _DistinctKeys), MOST_SETTINGS)
    except RecursionError:
        raise DocumentError(f"it is nested more than {MOST_DEPTH} deep") from None
    except DocumentError:
        raise
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, IndexError, KeyError) as error:
        raise DocumentError(_said(error)) from None


def checked(schema: type[Schema], value: Any) -> Schema:
    """Return a value as it is, if it has the types of a schema (a ``TypedDict`` or any type that pydantic knows).

    Raises:
        DocumentError: names the first place that is not as expected, and what stands there.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(schema).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise DocumentError(
            f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}; got {shown(first['input'])}"
        ) from None
    return value


def distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return key-value pairs as a dictionary, or raise a DocumentError for a key that is named twice."""
    unique = dict(pairs)
    if len(unique) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise DocumentError(f"{shown(twice)} is named twice")
    return unique


class _DistinctKeys(yaml.SafeLoader):
    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        distinct_keys([(key.value, None) for key, _ in node.value if isinstance(key, yaml.ScalarNode)])
        return super().construct_mapping(node, deep=deep)


def _no_constant(name: str) -> Any:
    raise DocumentError(f"it holds {name}, which JSON does not know")


def _bounded(value: Any, most: int) -> Any:
    """Return a value whose depth, size and numbers are within bounds; what it holds twice counts twice."""
    level, count = [value], 0
    for _ in range(MOST_DEPTH + 1):
        count += len(level)
        if count > most:
            raise DocumentError(f"it holds more than {most:,} values")
        inner: list[Any] = []
        for one in level:
            if isinstance(one, (dict, list)):
                inner.extend(one.values() if isinstance(one, dict) else one)
                if len(inner) > most:
                    raise DocumentError(f"it holds more than {most:,} values")
            elif isinstance(one, int) and one.bit_length() > MOST_BITS:
                raise DocumentError(f"it holds a whole number of more than {MOST_BITS} bits")
            elif isinstance(one, float) and not abs(one) < float("inf"):
                raise DocumentError("it holds a number that is not finite")
        if not inner:
            return value
        level = inner
    raise DocumentError(f"it is nested more than {MOST_DEPTH} deep")


def _said(error: Exception) -> str:
    return shortened(visible(" ".join(str(error).split())))
