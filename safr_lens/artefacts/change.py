"""Changing several files of a folder in one step: whenever the process ends, all of them are old or all are new.

The new files are made in a folder of their own inside, which is renamed when they and their manifest are on the disk.
From then on the change holds: whoever opens the folder next moves the files to their places, if they are not there yet.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safr_lens.artefacts.lock import held, is_held
from safr_lens.artefacts.manifest import MANIFEST, Manifest, read_manifest, recorded
from safr_lens.atomic import remove_left_behind, sync, system_errors
from safr_lens.errors import CheckpointError
from safr_lens.launch import speaks

MAKING, MADE = ".safr_lens.making.", ".safr_lens.made"
REMOVED = ".removed"
PATIENCE = 5.0  # seconds that a reader waits for a writer to move its files


@contextmanager
def locked(folder: str | os.PathLike[str], *, patience: float = 0.0) -> Iterator[None]:
    """Hold a folder for the length of a block, and finish or remove what a killed process left in it.

    The folder is made if it is missing, and removed if it stays empty. Within the block it may be locked again. Of the
    processes of one distributed training the first holds it for all. Where another process holds it, wait for so many
    seconds (``patience``); below 0, without end.

    Raises:
        CheckpointError: another process holds it, or it is a file.
        OSError: it cannot be written.
    """
    if not os.fspath(folder):
        raise CheckpointError("No folder named: the name of the folder to write to is empty.")
    path = Path(folder)
    if is_held(path) or not speaks():
        yield
        return
    with held(path, patience=patience):
        _move_made(path)
        for left in path.glob(f"{MAKING}*"):
            shutil.rmtree(left)
        remove_left_behind(path)
        yield


@contextmanager
def changing(
    folder: Path, *, removed: Iterable[str] = (), about: Mapping[str, Any] | None = None, described: bool = True
) -> Iterator[Path]:
    """Yield an empty folder; what the block writes there is in ``folder`` afterwards, with a manifest, all or nothing.

    Args:
        folder: it need not exist.
        removed: names of files to remove in the same step, if they are there and not written anew.
        about: what the manifest says of the files beside what it says already; None for a key removes it.
        described: write that manifest; off where the block writes a ``manifest.json`` of its own.

    Raises:
        CheckpointError: another process holds the folder.
        OSError: a disk that is full, or whatever else the system refuses.
    """
    with locked(folder):
        making = Path(tempfile.mkdtemp(dir=folder, prefix=MAKING))
        try:
            with system_errors():
                yield making
            gone = set(removed) - {path.name for path in making.iterdir()}
            if described:
                _describe(folder, making, about or {}, gone)
            _sync_all(making, gone)
            making.rename(folder / MADE)
        finally:
            shutil.rmtree(making, ignore_errors=True)
        sync(folder)
        _move_made(folder)


def settle(folder: Path) -> None:
    """Finish the change that a killed process left in a folder; where the process still runs, wait for it.

    Raises:
        CheckpointError: a change that cannot be finished, as in a folder that can only be read.
    """
    end = time.monotonic() + PATIENCE
    while (folder / MADE).is_dir():
        reason: object = "the first process does not finish it"
        try:
            if speaks():
                with locked(folder):
                    _move_made(folder)
        except (CheckpointError, OSError) as error:
            reason = error
        if time.monotonic() > end:
            raise CheckpointError(f"{folder} holds an unfinished change ({reason}). Open it where it can be written.")
        time.sleep(0.02)


def check_own_manifest(folder: Path) -> None:
    """Raise a CheckpointError where a change would replace a manifest of something else, such as stored activations."""
    if (folder / MANIFEST).exists() and read_manifest(folder) is None:
        raise CheckpointError(f"{folder / MANIFEST} is of something else. Name another folder.")


def remove_folder(folder: Path) -> None:
    """Remove a folder inside a locked one, in one step."""
    if folder.is_dir():
        gone = folder.rename(folder.parent / f"{MAKING}{folder.name}")
        shutil.rmtree(gone)


def _describe(folder: Path, making: Path, about: Mapping[str, Any], removed: set[str]) -> None:
    """Write the manifest of a folder as it will be; files that are there already are left out."""
    check_own_manifest(folder)
    old = read_manifest(folder) or Manifest()
    made = {path.name: recorded(path) for path in sorted(making.iterdir())}
    for name, record in made.items():
        if (folder / name).is_dir():
            raise CheckpointError(f"{folder / name} is a folder where a file is to be written. Name another folder.")
        if old.files.get(name) == record and (folder / name).is_file() and recorded(folder / name) == record:
            (making / name).unlink()  # it is there already
    kept = {name: record for name, record in old.files.items() if name not in removed}
    said = {key: value for key, value in {**old.about, **about}.items() if value is not None}
    (making / MANIFEST).write_text(Manifest(kept | made, said).to_json(), encoding="utf-8")


def _sync_all(making: Path, removed: set[str]) -> None:
    """Wait until all that is new is on the disk, and a list of what is to be removed with it."""
    if removed:
        (making / REMOVED).write_text("\n".join(sorted(removed)), encoding="utf-8")
    for path in making.iterdir():
        sync(path)
    sync(making)


def _move_made(folder: Path) -> None:
    made = folder / MADE
    if made.is_symlink() or not made.is_dir():
        return
    names = sorted(path.name for path in made.iterdir())
    if REMOVED in names:
        for name in (made / REMOVED).read_text(encoding="utf-8").splitlines():
            if name == Path(name).name and (folder / name).is_file():  # never outside, whoever wrote it
                (folder / name).unlink()
    for name in sorted(set(names) - {REMOVED}, key=lambda name: name == MANIFEST):  # the manifest last
        (made / name).replace(folder / name)
    sync(folder)
    shutil.rmtree(made)
