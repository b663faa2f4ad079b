"""One process at a time in a folder: a lock of the operating system, which ends with the process that holds it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from safr_lens.documents import read_json
from safr_lens.errors import CheckpointError

LOCK = ".safr_lens.lock"
_HELD: ContextVar[frozenset[tuple[int, Path]]] = ContextVar("held", default=frozenset())


@contextmanager
def held(folder: Path, *, patience: float = 0.0) -> Iterator[None]:
    """Hold a folder for the length of a block, and make it if it is missing; a folder that stays empty is removed.

    Where another process holds it, wait for so many seconds; below 0, without end.

    Raises:
        CheckpointError: another process holds it, or it is a file.
        OSError: it cannot be written.
    """
    path = Path(os.path.abspath(folder))
    made = _made(path)
    token = _HELD.set(_HELD.get() | {(os.getpid(), path)})
    try:
        with _acquired(path, patience):
            yield
    finally:
        _HELD.reset(token)
        for one in made:
            _remove_if_empty(one)


def is_held(folder: Path) -> bool:
    """Whether this context holds a folder."""
    return (os.getpid(), Path(os.path.abspath(folder))) in _HELD.get()  # a forked child holds nothing


def _made(path: Path) -> list[Path]:
    """Make a folder, and return what had to be made, the deepest first."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next(one for one in (path, *path.parents) if one.is_file())
        raise CheckpointError(f"{file} is a file; expected a folder to write to.") from None
    return missing


@contextmanager
def _acquired(folder: Path, patience: float) -> Iterator[None]:
    path = folder / LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        raise CheckpointError(
            f"{folder} is being written by {_owner(path)}. Wait until it has ended, or name another folder."
        ) from None
    try:
        started = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        path.write_text(json.dumps({"pid": os.getpid(), "started": started}), encoding="utf-8")
        yield
    finally:
        path.unlink(missing_ok=True)  # ahead of the release: whoever opened it meanwhile sees that it is gone
        lock.release()


def _owner(path: Path) -> str:
    for _ in range(20):  # the owner writes its name just after it has the lock
        try:
            said = read_json(path)
            return f"process {said['pid']}, which started at {said['started']}"
        except (OSError, ValueError, KeyError, TypeError):
            time.sleep(0.05)
    return "another process"


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()
