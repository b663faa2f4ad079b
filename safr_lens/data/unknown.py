"""Words that a tokenizer does not know: how many, when that is worth a warning, and what would read them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any

import torch
from datasets import Dataset
from jaxtyping import Bool, Int
from tokenizers import models
from torch import Tensor

from safr_lens.data.dataset import at_most
from safr_lens.data.tokenizer import UNK, TextTokenizer

MANY = 0.2
"""Share of unknown tokens above which there is a warning."""
SAMPLE = 1000  # texts
SHOWN = 5
UNSPACED = ("CJK UNIFIED", "HIRAGANA", "KATAKANA", "THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN")
BPE = 'Choose the tokenizer "bpe" (--tokenizer bpe; in Python train_tokenizer(texts, kind="bpe")), which reads '


def unknown_id(tokenizer: TextTokenizer) -> int | None:
    """Return the id that stands for whatever the vocabulary lacks; None where there is none.

    >>> from safr_lens import train_tokenizer
    >>> unknown_id(train_tokenizer(["a good film"], min_frequency=1))
    1
    """
    inner = tokenizer.tokenizer
    names = (getattr(inner.model, "unk_token", None), UNK, "<unk>")
    return next((i for i in map(inner.token_to_id, filter(None, names)) if i is not None), None)


def is_unknown(tokenizer: TextTokenizer, tokens: Int[Tensor, "*shape"]) -> Bool[Tensor, "*shape"]:
    """Return which token ids stand for something that the vocabulary lacks."""
    number = unknown_id(tokenizer)
    return torch.zeros_like(tokens, dtype=torch.bool) if number is None else tokens == number


def counted(tokenizer: TextTokenizer, tokens: Int[Tensor, " n"]) -> tuple[int, int]:
    """Return how many real tokens of texts are unknown, and how many there are, special tokens left out."""
    special = torch.isin(tokens, tokens.new_tensor(tokenizer.special_ids))
    return int(is_unknown(tokenizer, tokens).sum()), int((~special).sum())


def unknown_share(tokenizer: TextTokenizer, texts: Iterable[str]) -> float:
    """Return the share of tokens of texts that are unknown, in [0, 1]; texts without a word are skipped.

    >>> from safr_lens import train_tokenizer
    >>> unknown_share(train_tokenizer(["a good film"], min_frequency=1), ["a good story", "good"])
    0.25
    """
    number = unknown_id(tokenizer)
    if number is None:
        return 0.0
    ids = [one for text_ids in tokenizer.all_ids(list(texts)) for one in text_ids]
    return ids.count(number) / len(ids) if ids else 0.0


def text_warning(tokens: Sequence[str], unknown: Sequence[bool]) -> str:
    """Return what a reader of one text's prediction must know of its unknown tokens; empty where they are few.

    >>> text_warning(["qwert", "asdfg"], [True, True])
    'The model knows none of these words (qwert, asdfg): its answer says nothing about this text.'
    >>> text_warning(["a", "good", "zygotic", "film"], [False, False, True, False])
    'The model does not know 1 of 4 tokens (zygotic), more than 20 %: its answer says little about this text.'
    """
    lacking = [token for token, is_new in zip(tokens, unknown, strict=True) if is_new]
    if len(lacking) <= MANY * len(tokens):
        return ""
    named = named_tokens(lacking)
    if len(lacking) == len(tokens):
        return f"The model knows none of these words ({named}): its answer says nothing about this text."
    return (
        f"The model does not know {len(lacking):,} of {len(tokens):,} tokens ({named}), more than {100 * MANY:.0f} %: "
        "its answer says little about this text."
    )


def named_tokens(tokens: Sequence[str]) -> str:
    """Return the first few of some tokens, each once."""
    distinct = list(dict.fromkeys(tokens))
    return ", ".join(distinct[:SHOWN]) + (", ..." if len(distinct) > SHOWN else "")


def corpus_warning(share: float) -> str:
    """Return what a reader of a measurement must know of unknown tokens; empty where they are few.

    Args:
        share: of the corpus's tokens, in [0, 1].
    """
    if not share > MANY:
        return ""
    return (
        f"{100 * share:.0f} % of the tokens are unknown to the model (more than {100 * MANY:.0f} %), so what is "
        "measured here says little about it. Are the texts of another language or kind than those it was trained on?"
    )


def tokenizer_warning(tokenizer: TextTokenizer, held_out: Iterable[Mapping[str, Any]]) -> str:
    """Return whether a tokenizer, made from the training texts, fits texts that it has not seen, and what would.

    Args:
        tokenizer: of the model.
        held_out: rows with ``text``; the first 1,000, or as many evenly spaced where their number is known.
    """
    texts = _sample(held_out)
    share = unknown_share(tokenizer, texts)
    if share <= MANY:
        return ""
    said = f"{100 * share:.0f} % of the tokens of held-out texts are unknown (more than {100 * MANY:.0f} %)"
    if not isinstance(tokenizer.tokenizer.model, models.WordLevel):
        return f"{said}. Give more texts to train on, or ones that are more alike."
    unspaced = unspaced_share(texts)
    if unspaced > MANY:
        return (
            f"{said}: {100 * unspaced:.0f} % of their letters are of scripts without blanks between words, such as "
            f"Chinese, Japanese and Thai, so that a clause counts as one word. {BPE}pieces of a clause."
        )
    return f"{said}, since they are rare or new. {BPE}unknown words in pieces, give more texts, or lower min_frequency."


def unspaced_share(texts: Iterable[str]) -> float:
    """Return the share of letters that belong to scripts written without blanks between words.

    >>> unspaced_share(["好看 ok"])
    0.5
    """
    n_unspaced = n_letters = 0
    for text in texts:
        letters = [letter for letter in text if letter.isalpha()]
        n_letters += len(letters)
        n_unspaced += sum(map(_is_unspaced, letters))
    return n_unspaced / n_letters if n_letters else 0.0


@cache
def _is_unspaced(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith(UNSPACED)


def _sample(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    if isinstance(rows, Dataset):
        rows = at_most(rows, SAMPLE)
    return [row["text"] for row in islice(rows, SAMPLE)]
