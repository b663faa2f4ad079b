"""Text that a circuitsvis component shows as it is, although it writes tokens into ``innerHTML``."""

from __future__ import annotations

import unicodedata

WORD_JOINER = "\u2060"
SHOWN = {"\n": "↵", "\r": "↵", "\t": "⇥", "\u2028": "↵", "\u2029": "↵"}


def inert(text: str) -> str:
    """Return ``text`` so that no browser reads it as markup, and nothing in it is invisible.

    A word joiner (zero width) after each ``<`` and ``&`` keeps them from opening a tag or an entity in every place
    where circuitsvis puts them: text, tooltips, labels. Line ends become a sign; control and direction marks, which
    would reorder or hide what stands beside them, become their code point; lone surrogates become U+FFFD.

    >>> inert("<br />").replace(WORD_JOINER, "|")
    '<|br />'
    """
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    shown = "".join(_visible(character) for character in whole)
    return shown.replace("<", f"<{WORD_JOINER}").replace("&", f"&{WORD_JOINER}")


def _visible(character: str) -> str:
    if character in SHOWN:
        return SHOWN[character]
    if unicodedata.category(character) in ("Cc", "Cf") and character != "\u200d":  # emoji are joined by U+200D
        return f"[U+{ord(character):04X}]"
    return character
