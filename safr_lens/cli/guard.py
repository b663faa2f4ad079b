"""What every command does with a user's mistake: one message, no traceback, exit code 2."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import typer

from safr_lens.errors import SafrLensError


def guarded(command: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a command."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
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


def _say(message: str) -> None:
    print(message.encode("utf-8", "replace").decode("utf-8"), file=sys.stderr)
