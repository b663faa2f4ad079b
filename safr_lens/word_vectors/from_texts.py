"""Word vectors from the words that stand around each word in any texts; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from jaxtyping import Int

from safr_lens.data.rows import Texts, holds_rows
from safr_lens.data.tokenizer import PAD, UNK, TextTokenizer, train_tokenizer
from safr_lens.errors import ConfigError, FewWordsError
from safr_lens.visible import shown
from safr_lens.word_vectors.ppmi_svd import centred_unit_rows, cooccurrence, positive_pmi
from safr_lens.word_vectors.vectors import WordVectors

TEXTS_AT_ONCE = 1000


def word_vectors(
    texts: Any,
    tokenizer: TextTokenizer | None = None,
    *,
    d_embed: int = 100,
    window: int = 4,
    max_words: int = 20_000,
    min_count: int = 5,
    seed: int = 0,
) -> WordVectors:
    r"""Make word vectors from texts: words that stand among the same words get similar ones.

    The words at most ``window`` places from each word are counted, within a text; the counts become positive pointwise
    mutual information, and its singular vectors the word vectors, centred and of unit length:

    .. math:: PPMI \approx U S V^\top, \qquad v_w \propto u_w - \bar u, \quad u = U S^{1/2}

    Cosines range from -1 to 1; higher for words used alike, near 0 for the average pair. They say how words are used,
    not whether they mean the same: opposites are neighbours. Look at some with :meth:`WordVectors.nearest` before you
    trust them. On random text the neighbours are arbitrary. 6,142 single sentences give poor neighbours, 1,000 long
    reviews rough ones, 10,000 good ones; 24,148 film reviews (5.2 million tokens) take about 15 seconds.

    Args:
        texts: any texts, as for :func:`safr_lens.train_tokenizer`, better many than only those of the data set. Read
            once; their token ids (8 bytes a token) and the counts of distinct pairs are kept in memory. Texts without a
            word are skipped.
        tokenizer: whose token types get the vectors. Without one, a word tokenizer is made from the texts, which are
            then read twice, or kept if they can be read but once.
        d_embed: length of the vectors; fewer when there are not so many words.
        window: how many places to either side are counted.
        max_words: the most frequent types get a vector, at most so many.
        min_count: types seen less often get none.
        seed: of the search for the singular vectors, which it changes by rounding only.

    Returns:
        One row a token id; NaN for types too rare, for padding and for unknown words.

    Raises:
        ConfigError: a setting without meaning.
        DataError: fewer than three words that are frequent enough.
        TextError: something that is not a text.

    Source: Levy, Goldberg and Dagan 2015 (TACL 3).

    >>> corpus = ["a dull film", "a boring film", "one dull plot", "one boring plot", "see one film", "see a plot"]
    >>> word_vectors(corpus, min_count=2).nearest("dull", k=1)[0][0]
    'boring'
    """
    _check(texts, d_embed=d_embed, window=window, max_words=max_words, min_count=min_count)
    texts = Texts(texts, split="train") if holds_rows(texts) else texts
    if tokenizer is None:
        texts = list(texts) if iter(texts) is texts else texts
        tokenizer = train_tokenizer(texts, min_frequency=min_count, max_vocab=max_words + 2)
    ids, numbers = _read(texts, tokenizer)
    counts = np.bincount(ids, minlength=tokenizer.d_vocab)
    counts[special_ids(tokenizer)] = 0
    types = np.argsort(-counts, kind="stable")[:max_words]
    types = types[counts[types] >= min_count]
    if len(types) < 3:
        raise FewWordsError(
            f"Only {len(types)} words stand at least {min_count} times in the {len(np.unique(numbers)):,} texts with "
            "words; word vectors need three. Give more texts."
        )
    places = np.full(len(counts), -1, dtype=np.int32)
    places[types] = np.arange(len(types))
    pairs = cooccurrence(places[ids], numbers, n_words=len(types), window=window)
    rows = centred_unit_rows(positive_pmi(pairs), d_embed, seed=seed)
    vectors = torch.full((len(counts), rows.shape[1]), torch.nan)
    vectors[torch.from_numpy(types)] = rows.float()
    words = tuple(map(tokenizer.word, range(len(counts))))
    return WordVectors(words, torch.from_numpy(counts), vectors)


def _check(texts: Iterable[str], **at_least_one: int) -> None:
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise ConfigError(f"Expected a list of texts; got {type(texts).__name__}: {shown(texts, 60)}")
    for name, value in at_least_one.items():
        if value < 1:
            raise ConfigError(f"Expected {name} of at least 1; got {value}.")


def _read(texts: Iterable[str], tokenizer: TextTokenizer) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Return the token id at each place of all texts, and the number of its text."""
    encoded = [np.empty(0, dtype=np.int32)]
    encoded += (np.array(ids, dtype=np.int32) for ids in _encode(iter(texts), tokenizer))
    lengths = [len(ids) for ids in encoded]
    return np.concatenate(encoded), np.repeat(np.arange(len(encoded), dtype=np.int32), lengths)


def _encode(texts: Iterator[str], tokenizer: TextTokenizer) -> Iterator[list[int]]:
    while part := list(islice(texts, TEXTS_AT_ONCE)):
        yield from tokenizer.all_ids(part)


def special_ids(tokenizer: TextTokenizer) -> list[int]:
    """Return the ids that stand for no word: padding, unknown words and the like."""
    inner = tokenizer.tokenizer
    names = {PAD, UNK, getattr(inner.model, "unk_token", None) or UNK}
    added = {token_id for token_id, token in inner.get_added_tokens_decoder().items() if token.special}
    named = {inner.token_to_id(name) for name in names}
    return sorted(i for i in {tokenizer.pad_id} | added | named if i is not None and i < tokenizer.d_vocab)
