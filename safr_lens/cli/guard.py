"""What every command does with a user's mistake: one message, no traceback, exit code 2."""

from __future__ import annotations

import functools
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from safr_lens.errors import ConfigError, SafrLensError, first_line
from safr_lens.launch import n_launched, speaks
from safr_lens.visible import LONGEST_VALUE, shortened, visible

WRITES_FOLDER = ("train", "sweep", "demo", "analyze")
SHARED = ("train", "evaluate", "analyze", "compare")


class GuardedGroup(TyperGroup):
    """All commands; what typer says of a wrong option quotes it, so that it is made visible and short.

    An interruption ahead of the command has its line too: typer would end without a word.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the options ahead of the command."""
        with _quotes_made_visible():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """Parse the options of the command and run it."""
        with _quotes_made_visible():
            return super().invoke(ctx)


@contextmanager
def _quotes_made_visible() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if hasattr(error, "format_message"):  # an error of click, or of what typer has in its place
            message = shortened(visible(error.message), LONGEST_VALUE)  # type: ignore[attr-defined]
            error.message = message + _named_by_option(error)  # type: ignore[attr-defined]
        raise
    except KeyboardInterrupt:
        if speaks():
            _say("Interrupted.")
        raise typer.Exit(130) from None


def _named_by_option(error: Any) -> str:
    """Return which options take what was given without one."""
    if getattr(error, "ctx", None) is None or "unexpected extra argument" not in error.message:
        return ""
    kinds = {"data": "Data is named with --data", "out": "what is written with --out"}
    taken = [kinds[parameter.name] for parameter in error.ctx.command.params if parameter.name in kinds]
    return f". {', '.join(sorted(taken))}" if taken else ""


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        stops: list[int] = []
        try:
            with _stopped_by_signals(stops), _loads_said(), held_output(command.__name__, kwargs.get("out")):
                _join(command.__name__)
                return command(*args, **kwargs)
        except SafrLensError as error:
            raise _stopped(f"Error: {error}") from None
        except OSError as error:
            where = f"{shortened(visible(str(error.filename)))}: " if error.filename else ""
            raise _stopped(f"Error: {where}{error.strerror or error}") from None
        except KeyboardInterrupt:
            raise _stopped(_interrupted(command.__name__), 130) from None
        except Exception as error:
            if stops:  # a library that was being imported made another error of it
                raise _stopped(_interrupted(command.__name__), 130) from None
            if n_launched() == 1:
                raise
            raise _stopped_by(error) from None

    return run


@contextmanager
def held_output(command: str, out: Path | None) -> Iterator[None]:
    """See ahead of all work that the output can be written; hold a folder, so that no other process writes to it."""
    if out is None or not speaks():
        yield
    elif command in WRITES_FOLDER:
        from safr_lens.artefacts import locked

        with locked(out):
            yield
    else:
        from safr_lens.atomic import check_writable

        check_writable(out)
        yield


@contextmanager
def _stopped_by_signals(stops: list[int]) -> Iterator[None]:
    """Let a request to end (SIGTERM) do what Ctrl-C does, and remember either."""

    def stop(number: int, frame: Any) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted(command: str) -> str:
    again = {
        "train": "If it was begun with --out, the same command with --resume resumes it.",
        "sweep": "The same command resumes it.",
        "demo": "The same command resumes it.",
    }
    return f"Interrupted: safr-lens {command}. {again.get(command, 'Nothing was written.')}"


def _join(command: str) -> None:
    """Join the other processes of a launch, where a command shares its work among them."""
    if n_launched() == 1:
        return
    from safr_lens.processes import join

    join()
    if command not in SHARED:
        raise ConfigError(
            f"safr-lens {command} runs in one process; start it without accelerate launch or torchrun. These share "
            f"their work among processes: {', '.join(SHARED)}."
        )


def _stopped(message: str, code: int = 2) -> typer.Exit:
    """Say why a command stops, once for all processes of a launch, and return what ends this one."""
    if n_launched() > 1:
        from safr_lens.processes import first_to_stop

        if not first_to_stop():
            return typer.Exit(code)
    _say(message)
    return typer.Exit(code)


def _stopped_by(error: Exception) -> Exception:
    """Return what ends a process of a launch after an error that is no user's mistake."""
    from safr_lens.processes import first_to_stop, lost_another

    if lost_another(error):  # which has said why, unless it was killed
        return _stopped(f"Error: another process of the launch has ended ({first_line(error):.200}).")
    return error if first_to_stop() else typer.Exit(2)


class _Loads(logging.Handler):
    """Keeps each message once, in the first of several processes alone."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.messages: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if speaks():
            self.messages[record.getMessage()] = None


@contextmanager
def _loads_said() -> Iterator[None]:
    """Say in one line for each load what was read and dropped; where a mistake ends the command, it has the word."""
    log, loads = logging.getLogger("safr_lens.data"), _Loads()
    level, propagate = log.level, log.propagate
    log.addHandler(loads)
    log.setLevel(logging.INFO)
    log.propagate = False
    try:
        yield
        for message in loads.messages:
            _say(message)
    finally:
        log.removeHandler(loads)
        log.setLevel(level)
        log.propagate = propagate


def _say(message: str) -> None:
    print(visible(message), file=sys.stderr)
