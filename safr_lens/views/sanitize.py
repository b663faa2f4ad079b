"""Text that a circuitsvis component shows as it is, although it writes tokens into ``innerHTML``."""

from __future__ import annotations

import unicodedata

WORD_JOINER = "\u2060"
SHOWN = {"\n": "↵", "\r": "↵", "\t": "⇥", "\u2028": "↵", "\u2029": "↵"}
LONGEST = 200


def visible(text: str) -> str:
    """Return ``text`` so that nothing in it is invisible or reorders what stands beside it.

    Line ends become a sign; control and direction marks, and code points that are no characters and break an SVG,
    become their number; lone surrogates become U+FFFD.

    >>> visible("one\\ntwo")
    'one↵two'
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(_visible(character) for character in whole)


def sanitized(text: str) -> str:
    """Return ``text`` so that no browser reads it as markup even where it is written into ``innerHTML``.

    A word joiner (zero width) after each ``<`` and ``&`` keeps them from opening a tag or an entity in every place
    where circuitsvis puts them: text, tooltips, labels. What :func:`visible` does is done, too.

    >>> sanitized("<br />").replace(WORD_JOINER, "|")
    '<|br />'
    """
    return visible(text).replace("<", f"<{WORD_JOINER}").replace("&", f"&{WORD_JOINER}")


def shortened(text: str, longest: int = LONGEST) -> str:
    """Return ``text`` cut in the middle to at most ``longest`` characters.

    >>> shortened("abcdefghij", 5)
    'ab…ij'
    """
    if len(text) <= longest:
        return text
    end = (longest - 1) // 2
    return f"{text[: longest - 1 - end]}…{text[len(text) - end :]}"


def _visible(character: str) -> str:
    if character in SHOWN:
        return SHOWN[character]
    hidden = unicodedata.category(character) in ("Cc", "Cf") and character != "\u200d"  # emoji are joined by U+200D
    if hidden or _no_character(character):
        return f"[U+{ord(character):04X}]"
    return character


def _no_character(character: str) -> bool:
    return ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF
