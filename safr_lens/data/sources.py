"""The registry of readers: what can be loaded, what the help says of it, and what a reader gives."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safr_lens.errors import DataError, near_matches, near_paths
from safr_lens.visible import shown

SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}


@dataclass
class ReadLog:
    """What one pass over a source met: rows, those left out with the reason, and what was assumed."""

    read: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    assumed: list[str] = field(default_factory=list)

    def assume(self, sentence: str) -> None:
        """Note an assumption, once."""
        if sentence not in self.assumed:
            self.assumed.append(sentence)


@dataclass(frozen=True)
class ReadOptions:
    """How a source is read.

    Attributes:
        header: whether text files begin with the names of their columns; None to look.
        encoding: of text files; None to look.
        streaming: whether rows are read anew at each pass.
        named_columns: whether the user named the columns.
    """

    header: bool | None = None
    encoding: str | None = None
    streaming: bool = False
    named_columns: bool = False


@dataclass
class Part:
    """One split as it was found.

    Attributes:
        where: what to call it in a message.
        read: gives its rows anew, and tells the log what it meets.
        features: the declared type of each column, where the source has one.
        remote: whether reading it all may be a download.
        mend: what else may help where no column for text or label is found.
        notes: what is to be said of the source beside its rows.
        log: of the last pass that came to its end.
    """

    where: str
    read: Callable[[ReadLog], Iterator[Mapping[str, Any]]]
    features: Mapping[str, Any] = field(default_factory=dict)
    remote: bool = False
    mend: str = ""
    notes: tuple[str, ...] = ()
    log: ReadLog | None = None

    def rows(self) -> Iterator[Mapping[str, Any]]:
        """Read the rows anew."""
        log = ReadLog()
        for row in self.read(log):
            log.read += 1
            yield row
        log.read += log.dropped.total()
        self.log = log


@dataclass(frozen=True)
class Source:
    """A kind of data that can be loaded.

    Attributes:
        name: one word.
        help: what the help of ``--data`` calls it; empty for what has no place on a command line.
        takes: whether something given as data is of this kind.
        parts: its splits; a source without splits is ``train`` alone.
        order: which kind is asked first, and named first in the help.
        names: words that mean data of this kind, for near matches.
        whole: whether some data of this kind is one set of rows, of which a trained model is measured on all.
    """

    name: str
    help: Callable[[], str]
    takes: Callable[[Any], bool]
    parts: Callable[[Any, ReadOptions], dict[str, Part]]
    order: int = 50
    names: tuple[str, ...] = ()
    whole: Callable[[Any], bool] = lambda data: False


SOURCES: dict[str, Source] = {}


def register_source(source: Source) -> Source:
    """Add a kind of data: from then on ``load_data``, all commands and their help know it."""
    ordered = sorted([*SOURCES.values(), source], key=lambda one: one.order)
    SOURCES.clear()
    SOURCES.update({one.name: one for one in ordered})
    return source


def sources_help() -> str:
    """Return what can be loaded, for the help and for messages.

    >>> import safr_lens
    >>> sources_help().startswith("rotten_tomatoes, imdb, ")
    True
    """
    parts = [text for source in SOURCES.values() if (text := source.help())]
    return f"{', '.join(parts[:-1])}, or {parts[-1]}"


def is_whole(data: Any) -> bool:
    """Whether some data is one set of rows: a file, or a folder that stands for one."""
    return any(source.takes(data) and source.whole(data) for source in SOURCES.values())


def find_parts(data: Any, options: ReadOptions) -> dict[str, Part]:
    """Return the splits of some data, read by the first kind that takes it.

    Raises:
        DataError: data that no kind takes, with near matches.
    """
    for source in SOURCES.values():
        if source.takes(data):
            return source.parts(data, options)
    if not isinstance(data, (str, Path)):
        raise DataError(
            f"Data of type {type(data).__name__} cannot be loaded. Expected {sources_help()}; "
            "in Python also data in memory, such as a DataFrame."
        )
    path = Path(data)
    if len(path.parts) == 1 and not path.suffix:
        near = near_matches(path.name, [name for source in SOURCES.values() for name in source.names])
        raise DataError(f"Unknown data set {shown(path.name)}.{near or f' Expected {sources_help()}.'}")
    raise missing_file(path)


def usual_splits(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the train, validation and test splits among those of some data, whatever their spelling."""
    by_name = {str(name).lower(): part for name, part in data.items()}
    candidates = {split: [by_name[n] for n in names if n in by_name] for split, names in SPLIT_NAMES.items()}
    return {split: parts[0] for split, parts in candidates.items() if parts}


def missing_file(path: Path) -> DataError:
    """Return the error for a path that does not exist, with near matches from its folder."""
    return DataError(f"{path}: no such file or folder.{near_paths(path)}")


def quoted(path: Path | str) -> str:
    """Return a path as a shell takes it.

    >>> quoted("my reviews.csv")
    "'my reviews.csv'"
    """
    return shlex.quote(str(path))
