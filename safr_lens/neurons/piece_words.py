"""Pieces of words in the words that they were cut from, for people to read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby, islice

from tokenizers.models import WordLevel

from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.data.unknown import unknown_id
from safr_lens.visible import shortened

MOST_TEXTS = 5_000
LONGEST = 16  # characters in brackets, since words of languages without spaces are whole sentences
CHUNK = 500


def pieces_in_words(tokenizer: TextTokenizer, texts: Iterable[str], *, n_ctx: int) -> dict[int, str]:
    """Return token ids that are most often a piece of a word, each in its most common word, the rest in brackets.

    The first 5,000 texts say which word that is, of words without unknown pieces and parts of a character. A token that
    they lack, or that is most often a word of its own, is left out. The last word of a text that is cut does not count.

    >>> from safr_lens import train_tokenizer
    >>> tokenizer = train_tokenizer(["unfit", "unreal", "unseen"], kind="bpe")
    >>> found = pieces_in_words(tokenizer, ["unfit film", "unfit story"], n_ctx=32)
    >>> found[tokenizer.encode("unfit", n_ctx=32).ids[0]]
    'un(fit)'
    """
    if isinstance(tokenizer.tokenizer.model, WordLevel):
        return {}
    unknown = unknown_id(tokenizer)

    @cache
    def is_readable(token: int) -> bool:
        return token != unknown and "\ufffd" not in tokenizer.word(token)

    found: defaultdict[int, Counter[tuple[str, bool]]] = defaultdict(Counter)
    rest = islice(texts, MOST_TEXTS)
    while chunk := list(islice(rest, CHUNK)):
        for encoding in tokenizer.encode_batch(chunk, n_ctx=n_ctx, truncate=True):
            first = len(tokenizer.prefix)
            ids = encoding.ids[first : first + len(encoding.tokens)]
            for number, group in groupby(
                zip(encoding.words, ids, encoding.tokens, strict=True), key=lambda one: one[0]
            ):
                if encoding.n_cut and number == encoding.words[-1]:
                    continue  # its end may have been cut off
                word = [(token, piece.strip()) for _, token, piece in group]
                if all(is_readable(token) for token, _ in word):
                    for token, shown in _in_brackets(word):
                        found[token][shown, len(word) > 1] += 1
    common = {token: counts.most_common(1)[0][0] for token, counts in found.items()}
    return {token: shown for token, (shown, is_piece) in common.items() if is_piece}


def _in_brackets(word: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield each piece of a word that is more than a space, the others around it in brackets.

    >>> [shown for _, shown in _in_brackets([(0, "vi"), (1, "d"), (2, "eo")])]
    ['vi(deo)', '(vi)d(eo)', '(vid)eo']
    """
    pieces = [piece for _, piece in word]
    for place, (token, piece) in enumerate(word):
        around = (shortened("".join(others), LONGEST) for others in (pieces[:place], pieces[place + 1 :]))
        before, after = (f"({others})" if others else "" for others in around)
        if piece:
            yield token, f"{before}{piece}{after}"
