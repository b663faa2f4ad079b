"""Reading files that belong together while another process may change them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from safr_lens.artefacts.change import settle
from safr_lens.artefacts.manifest import MANIFEST
from safr_lens.errors import SafrLensError

TRIES = 5
Read = TypeVar("Read")


def read_whole(folder: Path, read: Callable[[], Read]) -> Read:
    """Return what ``read`` returns, from files that one change left; it is called again where they changed meanwhile.

    Raises:
        SafrLensError, OSError: as ``read`` does while nothing changes.
    """
    for _ in range(TRIES):
        settle(folder)
        before = _manifest(folder)
        try:
            content = read()
        except (SafrLensError, OSError):
            if _manifest(folder) == before:
                raise
        else:
            if _manifest(folder) == before:
                return content
    return read()


def _manifest(folder: Path) -> bytes | None:
    try:
        return (folder / MANIFEST).read_bytes()
    except OSError:
        return None
