"""Killing a process at each of its file operations, in forked children."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import safetensors.torch
from torch import Tensor

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "shutil.rmtree"}
OK, FAILED = 0, 70


def in_child(action: Callable[[], object], *, log: Path | None = None) -> int:
    """Run an action in a forked child and return its exit status, or minus the signal that ended it."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        status = FAILED
        try:
            shown = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(shown, 1)
            os.dup2(shown, 2)
            status = _status(action)
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _status(action: Callable[[], object]) -> int:
    try:
        action()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else FAILED
    return OK


def counted(action: Callable[[], object], folder: Path, counter: Path) -> int:
    """Return at how many points an action can be killed in a folder."""

    def count() -> None:
        points = Points(folder, None)
        action()
        points.active = False
        counter.write_text(str(points.n))

    status = in_child(count)
    assert status == OK, f"the action itself ends with {status}"
    return int(counter.read_text())


def killed_at(action: Callable[[], object], folder: Path, point: int, *, log: Path | None = None) -> int:
    """Run an action in a child that is killed at a file operation in a folder; return how it ended."""

    def run() -> None:
        Points(folder, point)
        action()

    return in_child(run, log=log)


def killed_at_each_point(
    place: Path, begin: Callable[[Path], object], action: Callable[[Path], object], *, step: int = 1
) -> Iterator[Path]:
    """Yield a folder for each ``step``-th point: prepared by ``begin``, and left by an action that was killed there."""
    template, folder = place / "template", place / "work"
    template.mkdir()
    begin(template)
    shutil.copytree(template, folder)
    n = counted(lambda: action(folder), folder, place / "counted")
    for point in range(1, n + 1, step):
        shutil.rmtree(folder)
        shutil.copytree(template, folder)
        status = killed_at(lambda: action(folder), folder, point)
        assert status == -signal.SIGKILL, (point, n, status)
        yield folder


class Points:
    """Counts the file operations of this process in a folder, and kills the process at one of them.

    Python's own are seen by an audit hook. Whatever wrote a file, it is synced before it is used: there the process is
    killed twice, once with half of the file, as a kill amid its writing leaves it, and once with all of it. The library
    that writes safetensors renames a file of its own; it is killed ahead of it, with half of that file, and behind it.
    """

    def __init__(self, folder: Path, last: int | None) -> None:
        self.folder, self.last, self.n, self.active = str(folder), last, 0, True
        self.opened: object = None
        sys.addaudithook(self._seen)
        _wrap(os, "fsync", lambda *args: self._synced())
        for module in [module for name, module in sys.modules.items() if name.startswith("safr_lens")]:
            if getattr(module, "save_file", None) is safetensors.torch.save_file:
                module.save_file = self._save_file

    def _inside(self, path: object) -> bool:
        return isinstance(path, (str, bytes, os.PathLike)) and os.fsdecode(path).startswith(self.folder)

    def _seen(self, event: str, args: tuple) -> None:
        if not self.active or event not in EVENTS:
            return
        if event == "open":
            self.opened = args[0]
        in_an_opened_folder = event in ("os.remove", "os.rmdir") and args[-1] != -1  # as shutil.rmtree removes
        if (any(map(self._inside, args)) or in_an_opened_folder) and (event != "open" or _writes(args)):
            self.step()

    def _save_file(self, tensors: dict[str, Tensor], path: Path, metadata: dict[str, str] | None = None) -> None:
        self.step()
        if self.active and self.n + 1 == self.last:
            whole = safetensors.torch.save(tensors, metadata)
            self.active = False
            Path(path).with_name(".tmpA1b2C3").write_bytes(whole[: len(whole) // 2])
            self.active = True
        self.step()
        safetensors.torch.save_file(tensors, path, metadata)

    def _synced(self) -> None:
        if not self.active or not self._inside(self.opened):
            return
        if os.path.isfile(self.opened):
            if self.n + 1 == self.last:
                self.active = False
                os.truncate(self.opened, os.path.getsize(self.opened) // 2)
                self.active = True
            self.step()
        self.step()

    def step(self) -> None:
        """Count a point, and end here if it is the last."""
        if not self.active:
            return
        self.n += 1
        if self.n == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


def _writes(args: tuple) -> bool:
    _, mode, flags = args
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


def _wrap(module: object, name: str, before: Callable[..., object]) -> None:
    original = getattr(module, name)

    def wrapped(*args, **kwargs):
        before(*args)
        return original(*args, **kwargs)

    setattr(module, name, wrapped)
