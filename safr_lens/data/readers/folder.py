"""Folders with files named by split, whole or in shards; a folder of shards alone is one split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safr_lens.data.files import FORMATS, DataFile, open_file
from safr_lens.data.packed import PACKED
from safr_lens.data.sources import SPLIT_NAMES, Part, ReadLog, ReadOptions, Source, quoted, register_source
from safr_lens.errors import DataError
from safr_lens.visible import listed, shown

_SHARD = re.compile(r"^(?P<name>.*?)(?:[-_.]?(?P<number>\d+)(?:-of-(?P<of>\d+))?(?:[-.].*)?)?$")
_PARTS = ("part", "shard", "data")


def _parts(data: Any, options: ReadOptions) -> dict[str, Part]:
    folder = Path(data)
    files = _split_files(folder)
    if not files and (folder / "data").is_dir():
        folder = folder / "data"
        files = _split_files(folder)
    if "train" not in files and "test" not in files:
        raise DataError(_nothing(folder))
    unread = _data_files(folder) - {file for paths in files.values() for file in paths}
    parts = {split: _part(folder, paths, options) for split, paths in files.items()}
    if unread:
        names = ", ".join(sorted(path.name for path in unread)[:10])
        next(iter(parts.values())).notes = (f"Not read, since no split is named so: {names}.",)
    return parts


def _split_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split; shards alone are train."""
    by_split = _named(folder) or {"train": _shards(folder)}
    return {split: _in_order(folder, split, files) for split, files in by_split.items() if files}


def _named(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split that are named by it, or stand in a folder named by it."""
    by_split = {}
    for split, names in SPLIT_NAMES.items():
        inner = [sub for sub in folder.iterdir() if sub.is_dir() and sub.name.lower() in names]
        files = [path for path in _data_files(folder) if _shard(path)["name"].lower() in names]
        files += [path for sub in inner for path in _data_files(sub)]
        if files:
            by_split[split] = files
    return by_split


def _shards(folder: Path) -> list[Path]:
    """Return the numbered files of a folder that is one set of rows."""
    parts = {path: _shard(path) for path in _data_files(folder)}
    return [path for path, part in parts.items() if part["name"].lower() in _PARTS and part["number"]]


def _in_order(folder: Path, split: str, files: list[Path]) -> list[Path]:
    """Return the shards of one split in the order of their numbers.

    Raises:
        DataError: files that are no shards of one another, or a shard that is missing.
    """
    shards = {path: _shard(path) for path in files}
    alike = {(path.parent, one["name"].lower(), _suffix(path), one["of"]) for path, one in shards.items()}
    numbers = {int(one["number"]): path for path, one in shards.items() if one["number"]}
    if len(files) == 1 and not next(iter(shards.values()))["of"]:
        return files
    if len(alike) > 1 or len(numbers) < len(files):
        have = ", ".join(sorted(path.name for path in files)[:10])
        raise DataError(f"{folder} has more than one {split} file: {have}. Keep one.")
    of = next(iter(shards.values()))["of"]
    wanted = range(int(of)) if of else range(min(numbers), max(numbers) + 1)
    if missing := [number for number in wanted if number not in numbers]:
        have = ", ".join(numbers[number].name for number in sorted(numbers)[:10])
        raise DataError(
            f"{folder}: the {split} shard number {missing[0]} is missing; it has {have}. Fetch it, or number the files "
            "without a gap and without -of-."
        )
    return [numbers[number] for number in sorted(numbers)]


def _part(folder: Path, paths: list[Path], options: ReadOptions) -> Part:
    files = [open_file(path) for path in paths]
    part = files[0].part(options)
    if len(files) == 1:
        return part
    where = f"{paths[0]} and {len(paths) - 1} more"
    return Part(where, lambda log: _chained(files, options, log), part.features, mend=part.mend)


def _chained(files: list[DataFile], options: ReadOptions, log: ReadLog) -> Iterator[Mapping[str, Any]]:
    columns = None
    for file in files:
        for at, row in enumerate(file.rows(options, log)):
            if at == 0 and columns not in (None, row.keys()):
                raise DataError(
                    f"{file.where} has the columns {listed(map(shown, row))}, but {files[0].where} has "
                    f"{listed(map(shown, columns or ()))}. Shards must have the same columns."
                )
            columns = columns or row.keys()
            yield row


def _data_files(folder: Path) -> set[Path]:
    return {
        path for path in folder.iterdir() if path.is_file() and _suffix(path) and not path.name.startswith((".", "_"))
    }


def _suffix(path: Path) -> str:
    """Return the ending of a data file with that of its packing, or nothing for another file."""
    endings = [one.lower() for one in path.suffixes]
    if endings and endings[-1] == ".zip":
        return ".zip"
    packed = endings[-1:] if endings[-1:] == [".gz"] else []
    inner = endings[-1 - len(packed)] if len(endings) > len(packed) else ""
    return inner + "".join(packed) if inner in FORMATS else ""


def _shard(path: Path) -> dict[str, str]:
    stem = path.name[: -len(_suffix(path))] if _suffix(path) else path.stem
    for suffix in (*FORMATS, *PACKED):
        stem = stem.removesuffix(suffix)
    return _SHARD.match(stem).groupdict("")  # type: ignore[union-attr]


def _nothing(folder: Path) -> str:
    have = sorted(path.name for path in folder.iterdir())
    if {"config.json", "model.safetensors"} <= set(have):
        return f"{folder} holds a model, not texts. Name data, such as rotten_tomatoes or a .csv file."
    data = sorted(_data_files(folder))
    name = f" Name one file: {quoted(data[0])}" if data else ""
    return (
        f"{folder}: expected train, validation or test files ending in {', '.join(FORMATS)}; it holds "
        f"{listed(have[:10]) or 'nothing'}.{name}"
    )


register_source(
    Source(
        "folder",
        lambda: "a folder with train, validation and test files or with shards",
        lambda data: isinstance(data, (str, Path)) and Path(data).is_dir(),
        _parts,
        order=80,
        whole=lambda data: not _named(Path(data)) and bool(_shards(Path(data))),
    )
)
