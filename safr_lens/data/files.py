"""Local files: their formats, and how one is opened, packed or not."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from safr_lens.data.encodings import find_encoding, name_it
from safr_lens.data.packed import PACKED, gunzipped, zipped_bytes, zipped_name
from safr_lens.data.sources import Part, ReadLog, ReadOptions, missing_file, quoted
from safr_lens.errors import DataError, near_matches

REFUSED = {
    **dict.fromkeys(
        (".pkl", ".pickle"),
        "A pickle can run code when it is loaded. Load it yourself where you trust it, and save the table with "
        "table.to_parquet('data.parquet').",
    ),
    **dict.fromkeys(
        (".xlsx", ".xls", ".ods"),
        "Save the sheet as CSV UTF-8, or in Python: pandas.read_excel(...).to_csv('data.csv', index=False).",
    ),
    **dict.fromkeys(
        (".arrow", ".feather"), "Name the folder that save_to_disk wrote, or save the table with to_parquet."
    ),
}
NO_HEADER = (
    " If the file begins with a row of data, add --no-header (in Python: header=False); more than two columns are then "
    "named 1, 2 and so on."
)


@dataclass(frozen=True)
class FileFormat:
    """A file format.

    Attributes:
        suffixes: endings of its files, the usual one first.
        rows: reads the rows of one file.
        text: whether it is text, which may have an encoding and be gzipped.
        header: whether its first row is usually a header.
    """

    suffixes: tuple[str, ...]
    rows: Callable[[DataFile, ReadOptions, ReadLog], Iterator[Mapping[str, Any]]]
    text: bool = True
    header: bool = False
    features: Callable[[DataFile], Mapping[str, Any]] = lambda file: {}


FORMATS: dict[str, FileFormat] = {}


def register_format(form: FileFormat) -> FileFormat:
    """Add a file format: from then on it is read alone, packed, in folders and in shards."""
    FORMATS.update(dict.fromkeys(form.suffixes, form))
    return form


@dataclass(frozen=True)
class DataFile:
    """One file of rows.

    Attributes:
        where: what to call it in a message.
        name: its name without the ending that says how it is packed.
        form: its format.
        open_bytes: opens it.
    """

    where: str
    name: str
    form: FileFormat
    open_bytes: Callable[[], BinaryIO]

    @cached_property
    def _encodings(self) -> dict[str | None, str]:
        return {}

    @property
    def suffix(self) -> str:
        """Ending of the file, in lower case."""
        return Path(self.name).suffix.lower()

    @contextmanager
    def text(self, options: ReadOptions, log: ReadLog) -> Iterator[io.TextIOWrapper]:
        """Open the file as text, with its line ends as they are."""
        if options.encoding not in self._encodings:
            self._encodings[options.encoding] = find_encoding(self.open_bytes, self.where, options.encoding)
        encoding = self._encodings[options.encoding]
        if options.encoding is None and encoding != "utf-8-sig":
            log.assume(f"read as {'Windows-1252 (cp1252)' if encoding == 'cp1252' else encoding.upper()}")
        with self.open_bytes() as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
            yield text

    def part(self, options: ReadOptions) -> Part:
        """Return the file as one split."""
        mend = NO_HEADER if self.form.header and options.header is not False else ""
        return Part(self.where, lambda log: self.rows(options, log), self._features(), mend=mend)

    def rows(self, options: ReadOptions, log: ReadLog) -> Iterator[Mapping[str, Any]]:
        """Read the rows.

        Raises:
            DataError: a file that is not what its ending says.
        """
        with _explained(self):
            yield from self.form.rows(self, options, log)

    def _features(self) -> Mapping[str, Any]:
        with _explained(self):
            return self.form.features(self)


@contextmanager
def _explained(file: DataFile) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"{file.where} is no {error.encoding} text (byte 0x{error.object[error.start]:02x}, {error.reason}). "
            + _other_encoding(error.encoding)
        ) from None
    except UnicodeError as error:  # UTF-16 that was named, without the mark
        raise DataError(
            f"{file.where}: {error}. Name the order of the bytes: --encoding utf-16-le or utf-16-be."
        ) from None
    except (pyarrow.ArrowException, EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file.where} cannot be read as {file.suffix[1:]}: {error}. Fetch it anew.") from None
    except OSError as error:
        raise DataError(f"{file.where} cannot be read: {error.strerror or error}") from None


def _other_encoding(encoding: str) -> str:
    if encoding.startswith(("utf-16", "utf-32")):
        return "It may be cut off; fetch it anew."
    return name_it("cp1252") if encoding == "utf-8" else "Leave --encoding out to have it looked up."


def open_file(path: Path) -> DataFile:
    """Return a file by its path; a zip file stands for the one data file in it.

    Raises:
        DataError: a file that is missing, of another type, or packed in a way that is not read.
    """
    if not path.is_file():
        raise missing_file(path)
    suffix = path.suffix.lower()
    if suffix == ".zip":
        member = zipped_name(path, FORMATS)
        form = FORMATS[PurePosixPath(member).suffix.lower()]
        return DataFile(f"{path}, {member}", PurePosixPath(member).name, form, lambda: zipped_bytes(path, member))
    name = path.stem if suffix == ".gz" else path.name
    format = FORMATS.get(Path(name).suffix.lower())
    if format is None:
        raise DataError(_unknown(path, name))
    if suffix == ".gz" and not format.text:
        raise DataError(
            f"{path}: a {format.suffixes[0]} file is compressed already. Unpack it: python -m gzip -d {quoted(path)}"
        )
    return DataFile(str(path), name, format, lambda: gunzipped(path) if suffix == ".gz" else path.open("rb"))


def _unknown(path: Path, name: str) -> str:
    suffix = Path(name).suffix.lower()
    expected = f"{path}: expected a file ending in {', '.join(FORMATS)}, also with .gz or in a .zip."
    if suffix in REFUSED:
        return f"{expected} {REFUSED[suffix]}"
    if near := near_matches(suffix, FORMATS) if suffix not in ("", ".txt") else "":
        return expected + near
    packed = path.suffix if path.name != name else ""
    with gunzipped(path) if packed else path.open("rb") as file:
        tabs = b"\t" in file.read(1 << 12).partition(b"\n")[0]
    other = name.removesuffix(".txt") + (".tsv" if tabs else ".csv") + packed
    return f"{expected} If it is a table of text, rename it: {quoted(other)}"


NO_HUB_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".json", ".jsonl", ".parquet", *PACKED, *REFUSED})
"""Endings of what is meant as a file and is therefore never looked for on the Hub."""
