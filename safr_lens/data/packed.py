"""Gzipped files and zip files with one data file, read without unpacking them on disk."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Container
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from safr_lens.data.sources import quoted
from safr_lens.errors import DataError
from safr_lens.visible import shown

PACKED = (".gz", ".zip")
MOST_EXPANSION = 200
"""How many times its packed size a file may have; text has 3 to 20."""
HARMLESS = 1 << 26
"""Bytes up to which a file may expand as it likes."""


def zipped_name(path: Path, suffixes: Container[str]) -> str:
    """Return the name of the one data file in a zip file.

    Raises:
        DataError: no data file or several, one that is locked or expands too much, or a path that leaves the folder.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(f"{path} is damaged, or no zip file: {error}. Fetch it anew.") from None
    for member in members:
        place = PurePosixPath(member.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in place.parts[0]:
            raise DataError(f"{path} holds a path that leaves its folder, {shown(member.filename)}. Do not unpack it.")
    data = [one for one in members if PurePosixPath(one.filename).suffix.lower() in suffixes and not _hidden(one)]
    unpack = f"unpack it (python -m zipfile -e {quoted(path)} .) and name the file or folder."
    if len(data) != 1:
        have = ", ".join(one.filename for one in (data or members)[:10]) or "nothing"
        raise DataError(f"{path}: expected a zip with exactly one data file; it has {have}. To use it, {unpack}")
    [member] = data
    if member.flag_bits & 1:
        raise DataError(f"{path} is locked with a password. To use it, {unpack}")
    if member.file_size > max(HARMLESS, MOST_EXPANSION * member.compress_size):
        raise DataError(f"{path}: {member.filename} would expand to {_bomb(member.file_size)}, {unpack}")
    return member.filename


def zipped_bytes(path: Path, name: str) -> BinaryIO:
    """Open one file of a zip file, which gives no more bytes than it declares."""
    with zipfile.ZipFile(path) as archive:  # its file stays open until the member is closed
        return cast(BinaryIO, archive.open(name))


def gunzipped(path: Path) -> BinaryIO:
    """Open a gzipped file, which is an error where it has expanded too much."""
    return cast(BinaryIO, io.BufferedReader(_Limited(path)))


class _Limited(io.RawIOBase):
    def __init__(self, path: Path) -> None:
        self.path, self.file, self.count = path, gzip.GzipFile(path), 0
        self.limit = max(HARMLESS, MOST_EXPANSION * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n_read = self.file.readinto(buffer)
        self.count += n_read
        if self.count > self.limit:
            raise DataError(
                f"{self.path} expands to more than {_bomb(self.limit)}, unpack it "
                f"(python -m gzip -d {quoted(self.path)}) and name the file."
            )
        return n_read

    def close(self) -> None:
        self.file.close()
        super().close()


def _bomb(size: int) -> str:
    return f"{size:,} bytes, over {MOST_EXPANSION} times its packed size, as a zip bomb does. If you trust it"


def _hidden(member: zipfile.ZipInfo) -> bool:
    return member.filename.startswith("__MACOSX/") or PurePosixPath(member.filename).name.startswith(".")
