"""Text of others as it may be shown: on a page, in a terminal, in a message."""

from __future__ import annotations

import reprlib
import unicodedata
from collections.abc import Iterable
from itertools import accumulate
from typing import Any

SHOWN = {"\n": "↵", "\r": "↵", "\t": "⇥", "\u2028": "↵", "\u2029": "↵"}
LONGEST, LONGEST_VALUE, MOST_BITS = 200, 100, 256
MOST_LISTED, LONGEST_LIST = 20, 250


def visible(text: str, *, keep: str = "") -> str:
    """Return ``text`` so that nothing in it is invisible, reorders what stands beside it, or commands a terminal.

    Line ends become a sign; control and direction marks, and code points that are no characters and break an SVG,
    become their number; lone surrogates become U+FFFD.

    Args:
        text: of whatever origin.
        keep: characters that stay as they are.

    >>> visible("one\\ntwo"), visible("\\x1b[2J")
    ('one↵two', '[U+001B][2J')
    """
    if text.isascii() and text.isprintable():
        return text
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(character if character in keep else _visible(character) for character in whole)


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return ``text`` cut in the middle to at most ``longest`` characters.

    >>> shortened("abcdefghij", 5)
    'ab…ij'
    """
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"


def as_word(token: str) -> str:
    """Return a token as it may stand in a list of words: in quotation marks if it has neither a letter nor a digit.

    >>> print(", ".join(map(as_word, ["and", ",", "n't"])))
    and, “,”, n't
    """
    return token if any(map(str.isalnum, token)) else f"“{token}”"


def shown(value: Any, longest: int = LONGEST_VALUE) -> str:
    """Return any value as a message quotes it, cut to ``longest`` characters whatever its size and depth.

    >>> shown("good"), shown(list(range(10**6)))
    ("'good'", '[0, 1, 2, 3, 4, 5, ...]')
    >>> len(shown("film " * 10**6))
    100
    """
    if isinstance(value, str):
        return shortened(visible(repr(shortened(value, longest))), longest)
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        return f"a number of {value.bit_length():,} bits"
    return shortened(visible(_BOUNDED.repr(value)), longest)


def listed(values: Iterable[Any], most: int = MOST_LISTED) -> str:
    """Return names as a message lists them: the first ``most``, or fewer where they are long, and how many there are.

    >>> listed(["negative", "positive"]), listed(range(100), 3)
    ('negative, positive', '0, 1, 2 and 97 more')
    """
    names = [shortened(visible(str(value)), LONGEST_VALUE) for value in values]
    ends = accumulate(len(name) for name in names[:most])
    n = max(1, sum(end <= LONGEST_LIST for end in ends))
    return ", ".join(names[:n]) + (f" and {len(names) - n:,} more" if len(names) > n else "")


class _Bounded(reprlib.Repr):
    def repr_int(self, value: int, level: int) -> str:
        return "<a long number>" if value.bit_length() > MOST_BITS else repr(value)


_BOUNDED = _Bounded()
_BOUNDED.maxstring = _BOUNDED.maxother = LONGEST_VALUE
_BOUNDED.maxlevel = 3


def _visible(character: str) -> str:
    if character in SHOWN:
        return SHOWN[character]
    hidden = unicodedata.category(character) in ("Cc", "Cf") and character != "\u200d"  # emoji are joined by U+200D
    if hidden or _no_character(character):
        return f"[U+{ord(character):04X}]"
    return character


def _no_character(character: str) -> bool:
    return ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF
