"""Text that a circuitsvis component shows as it is, although it writes tokens into ``innerHTML``."""

from __future__ import annotations

from safr_lens.visible import visible

WORD_JOINER = "\u2060"


def sanitized(text: str) -> str:
    """Return ``text`` so that no browser reads it as markup even where it is written into ``innerHTML``.

    A word joiner (zero width) after each ``<`` and ``&`` keeps them from opening a tag or an entity in every place
    where circuitsvis puts them: text, tooltips, labels. What :func:`~safr_lens.visible.visible` does is done, too.

    >>> sanitized("<br />").replace(WORD_JOINER, "|")
    '<|br />'
    """
    return visible(text).replace("<", f"<{WORD_JOINER}").replace("&", f"&{WORD_JOINER}")
