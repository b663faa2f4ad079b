"""Tokens in their context, as they stand in the text."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from safr_lens.data.tokenizer import without_surrogates


def context(text: str, tokens: Sequence[str], position: int, window: int) -> tuple[str, str]:
    """Return up to ``window`` tokens before and after a token, spaced as in the text.

    Where the tokens cannot be found in the text one after the other, as with some byte-level tokenizers, they are
    joined by spaces.

    >>> context("It's  warm, and moving", ["It", "'s", "warm", ",", "and", "moving"], position=2, window=2)
    ("It's", ', and')
    """
    first, end = max(0, position - window), min(len(tokens), position + 1 + window)
    clean = unicodedata.normalize("NFC", without_surrogates(text))
    spans = _spans(clean, tokens)

    def joined(start: int, stop: int) -> str:
        if start >= stop:
            return ""
        return clean[spans[start][0] : spans[stop - 1][1]] if spans else " ".join(tokens[start:stop])

    return joined(first, position), joined(position + 1, end)


def _spans(text: str, tokens: Sequence[str]) -> list[tuple[int, int]] | None:
    """Where each token stands in the text; None unless they stand there one after the other."""
    found, end = [], 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0:
            return None
        end = start + len(token)
        found.append((start, end))
    return found
