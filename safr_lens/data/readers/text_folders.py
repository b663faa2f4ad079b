"""Folders with a folder for each class and a text a file, as aclImdb and 20 Newsgroups are packed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from safr_lens.data.files import FORMATS, DataFile, FileFormat
from safr_lens.data.sources import SPLIT_NAMES, Part, ReadLog, ReadOptions, Source, register_source

UNLABELLED = ("unsup", "unsupervised", "unlabeled", "unlabelled")


def _one_text(file: DataFile, options: ReadOptions, log: ReadLog) -> Iterator[Mapping[str, Any]]:
    with file.text(options, log) as text:
        yield {"text": text.read()}


TEXT = FileFormat((".txt", ""), _one_text)


def _classes(folder: Path) -> dict[str, list[Path]]:
    """Return the texts of each class; empty where the folder holds something else."""
    by_class: dict[str, list[Path]] = {}
    inner = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    if any(path.suffix.lower() in FORMATS and path.is_file() for path in inner):
        return by_class
    for sub in (path for path in inner if path.is_dir()):
        texts = sorted(path for path in sub.iterdir() if path.is_file() and path.suffix.lower() in TEXT.suffixes)
        texts = [path for path in texts if not path.name.startswith(".")]
        if texts:
            by_class[sub.name] = texts
    return by_class if len(by_class.keys() - set(UNLABELLED)) > 1 else {}


def _splits(folder: Path) -> dict[str, Path]:
    subs = [path for path in folder.iterdir() if path.is_dir()]
    named = {split: [sub for sub in subs if sub.name.lower() in names] for split, names in SPLIT_NAMES.items()}
    return {split: folders[0] for split, folders in named.items() if folders and _classes(folders[0])}


def _is_one(data: Any) -> bool:
    return not _splits(Path(data)) and bool(_classes(Path(data)))


def _takes(data: Any) -> bool:
    if not isinstance(data, (str, Path)) or not Path(data).is_dir():
        return False
    return bool(_splits(Path(data))) or _is_one(data)


def _parts(data: Any, options: ReadOptions) -> dict[str, Part]:
    splits = _splits(Path(data)) or {"train": Path(data)}
    return {split: Part(str(folder), partial(_rows, folder, options)) for split, folder in splits.items()}


def _opened(path: Path) -> BinaryIO:
    return path.open("rb")


def _rows(folder: Path, options: ReadOptions, log: ReadLog) -> Iterator[Mapping[str, Any]]:
    for label, paths in _classes(folder).items():
        if label.lower() in UNLABELLED:
            log.dropped["no label"] += len(paths)
            continue
        for path in paths:
            file = DataFile(str(path), path.name, TEXT, partial(_opened, path))
            for row in file.rows(options, log):
                yield {**row, "label": label}


register_source(
    Source(
        "text_folders",
        lambda: "a folder with a folder of texts for each class",
        _takes,
        _parts,
        order=75,
        whole=_is_one,
    )
)
