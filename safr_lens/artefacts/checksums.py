"""Checksums of files and of JSON: they find damage and mix-ups.

They are no signature: whoever can write the file can write its checksum too. What names something by its content, such
as a model of which activations are stored, is a sha256 instead.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import xxhash

KEY, OLD_KEY = "xxh3_128", "sha256"
BLOCK = 2**20


def file_checksum(path: Path) -> str:
    """Return the xxh3 of a file in 128 bits, read block by block."""
    checksum, block = xxhash.xxh3_128(), memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        while n := file.readinto(block):
            checksum.update(block[:n])
    return checksum.hexdigest()


def with_checksum(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return content as JSON holds it, with its own checksum.

    >>> checked_content(with_checksum({"files": {}}))
    {'files': {}}
    """
    return {**content, KEY: xxhash.xxh3_128(_bytes(content)).hexdigest()}


def checked_content(content: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    """Return content without its checksum.

    Earlier stores of activations have a sha256 in its place, or none where it is not ``required``.

    Raises:
        ValueError: another checksum, or none.
    """
    plain = {name: value for name, value in content.items() if name not in (KEY, OLD_KEY)}
    if KEY in content:
        same = content[KEY] == xxhash.xxh3_128(_bytes(plain)).hexdigest()
    elif OLD_KEY in content:
        same = content[OLD_KEY] == hashlib.sha256(_bytes(plain)).hexdigest()
    else:
        same = not required
    if not same:
        raise ValueError("its checksum is another one")
    return plain


def _bytes(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True).encode()
