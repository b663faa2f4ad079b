"""What every command does with a user's mistake: one message, no traceback, exit code 2."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from safr_lens.errors import SafrLensError


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            with _loads_said():
                return command(*args, **kwargs)
        except SafrLensError as error:
            _say(f"Error: {error}")
            raise typer.Exit(2) from None
        except OSError as error:
            _say(f"Error: {error.filename or ''}: {error.strerror or error}".replace("Error: :", "Error:"))
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            _say("Interrupted. A training that was begun with --out can be resumed with --resume.")
            raise typer.Exit(130) from None

    return run


class _Loads(logging.Handler):
    """Keeps each message once, in the first of several processes alone."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.messages: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if os.environ.get("RANK", "0") == "0":
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
    print(message.encode("utf-8", "replace").decode("utf-8"), file=sys.stderr)
