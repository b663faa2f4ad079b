"""The one family of errors that a user's mistake raises, and the near matches their messages offer."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from safr_lens.visible import LONGEST_VALUE, shortened, shown, visible

TOKEN = re.compile(r"hf_[\w.=-]{20,}")  # of the Hub
LONGEST_MESSAGE, LONGEST_NAME = 2000, 60
LONG_WORD = re.compile(r"[^\s/]{200,}|\S{1000,}")  # a path may be long


class SafrLensError(Exception):
    """Base of all errors that a user can mend: what was expected, what came, how to mend it.

    A message may quote a file or a text of somebody else: nothing in it is invisible or commands a terminal.
    """

    def __init__(self, message: str = "") -> None:
        short = LONG_WORD.sub(lambda word: shortened(word[0], LONGEST_VALUE), visible(message))
        super().__init__(shortened(short, LONGEST_MESSAGE))


class DataError(SafrLensError):
    """A data set, file, column, label or text that cannot be used."""


class FewWordsError(DataError):
    """Texts with too few words for word vectors."""


class ConfigError(SafrLensError):
    """A setting that does not exist or has no meaning."""


class CheckpointError(SafrLensError):
    """A saved run that is missing, damaged, foreign or in the way."""


class HookError(SafrLensError):
    """A hook point that the model does not have."""


class TextError(SafrLensError):
    """A text that the model cannot read as it is."""


class TrainingError(SafrLensError):
    """A training that cannot continue."""


class NotFiniteError(SafrLensError):
    """An activation, a logit or a loss that is NaN or infinite, so that no measure of it would say anything."""


def near_matches(name: str, known: Iterable[str]) -> str:
    """Return ``" Did you mean 'a' or 'b'?"`` for the names closest to ``name``, or an empty string.

    >>> near_matches("epoch", ["epochs", "seed"])
    " Did you mean 'epochs'?"
    """
    if len(str(name)) > LONGEST_NAME:  # nobody mistypes that much, and comparing long names takes long
        return ""
    close = difflib.get_close_matches(str(name), [str(k)[: 2 * LONGEST_NAME] for k in known], n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(map(shown, close))}?" if close else ""


def near_paths(path: Path, *, folders: bool = False) -> str:
    """Return near matches of a path that does not exist among what (or which folders) its own folder holds."""
    siblings = path.parent.iterdir() if path.parent.is_dir() else ()
    return near_matches(path.name, [one.name for one in siblings if not folders or one.is_dir()])


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, without a token of the Hub; its type where it has none.

    >>> first_line(ValueError("no such file\\n  details")), first_line(TimeoutError())
    ('no such file', 'TimeoutError')
    """
    message = str(error).strip()
    return TOKEN.sub("hf_***", shortened(message.splitlines()[0])) if message else type(error).__name__
