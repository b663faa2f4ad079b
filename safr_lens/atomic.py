"""Writing files so that a reader never meets a half-written one, whenever the process or the power ends."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = f"{zlib.crc32(platform.node().encode()):08x}"  # a process id means nothing on another machine

TEMPORARY = re.compile(rf"\..+\.{HERE}-(\d+)-\w+\.tmp")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path in a temporary folder; when the block ends without an error, sync the file and move it to ``path``.

    It is a folder, since some libraries write to a temporary file of their own beside the one that they are given. What
    a killed process left of an earlier attempt is removed.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_left_behind(target.parent)
    prefix = f".{target.name}.{HERE}-{os.getpid()}-"
    making = Path(tempfile.mkdtemp(dir=target.parent, prefix=prefix, suffix=".tmp"))
    temporary = making / target.name
    try:
        with system_errors():
            yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        sync(temporary)
        temporary.replace(target)
        sync(target.parent)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise an OSError where a file could not be written; folders that are missing are made."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, "is a folder; expected the name of a file", str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=target.parent):
        pass


@contextmanager
def system_errors() -> Iterator[None]:
    """Raise as OSError what the system refused to a library that is not written in Python, as on a full disk."""
    try:
        yield
    except Exception as error:
        found = re.search(r"\(os error (\d+)\)", str(error))
        if isinstance(error, OSError) or found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1]))) from None


def sync(path: Path) -> None:
    """Wait until a file, or the list of files of a folder, is on the disk."""
    if os.name == "nt" and path.is_dir():  # Windows opens no folder
        return
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` as UTF-8; lone surrogates, which UTF-8 cannot hold, become U+FFFD."""
    with replacing(path) as temporary:
        temporary.write_bytes(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write ``value`` as indented JSON without NaN, which JSON does not know."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def remove_left_behind(folder: Path) -> None:
    """Remove what processes that do not run any more were writing."""
    for path in folder.iterdir():
        found = TEMPORARY.fullmatch(path.name)
        if found and not is_alive(int(found[1])):
            remove_temporary(path)


def remove_temporary(path: Path) -> None:
    """Remove what a killed process was writing: a folder, or a file where an earlier version wrote it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    if os.name == "nt":  # where signal 0 ends the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
