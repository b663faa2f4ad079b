"""Which word vectors a training or an analysis uses: the one place that decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.data.dataset import TextData
from safr_lens.data.load import load_data
from safr_lens.data.rows import Texts
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.errors import ConfigError, DataError, FewWordsError
from safr_lens.visible import shown
from safr_lens.word_vectors.from_texts import word_vectors
from safr_lens.word_vectors.read import read_word_vectors
from safr_lens.word_vectors.table import embedding_table
from safr_lens.word_vectors.vectors import WordVectors, unit_rows

Embeddings = Tensor | np.ndarray | Mapping[str, Any] | WordVectors | str | Path

D_EMBED, D_EMBED_SMALL = 100, 50
SMALL = 1_000_000  # tokens; with fewer, the later of 100 dimensions hold noise alone
LEAST_KNOWN = 0.1
UNUSED = 'Word vectors were given, but nothing uses them. Set embedding_start="words", pairs="words", or a mono_weight.'


def check_one_source(file: object, data: object) -> None:
    """Raise a ConfigError where word vectors are both read from a file and made from texts."""
    if file is not None and data is not None:
        raise ConfigError(
            f"Word vectors come either from a file (word_vectors, --word-vectors: {shown(str(file), 80)}) or from the "
            f"texts of other data (word_vectors_from, --word-vectors-from: {shown(data)}); name one of them."
        )


def training_vectors(
    data: TextData,
    tokenizer: TextTokenizer,
    *,
    used: bool,
    widest: int = D_EMBED,
    given: WordVectors | str | Path | None = None,
    from_data: str | None = None,
) -> WordVectors | None:
    """Return the word vectors of a training, or None where it uses none.

    Args:
        data: whose training split gives them where neither of the others is named.
        tokenizer: whose token types get them.
        used: whether penalty or embedding use any.
        widest: longest vectors that the model takes (``d_model``); longer ones of a file are reduced to so many
            principal components.
        given: vectors, or a file that :func:`read_word_vectors` reads.
        from_data: other data, of which the training split is used.

    Raises:
        ConfigError: vectors that are named for nothing or twice, or that know too few words.
        DataError: the training split has too few words.
    """
    check_one_source(given, from_data)
    if not used:
        if given is not None or from_data is not None:
            raise ConfigError(UNUSED)
        return None
    if isinstance(given, WordVectors):
        return given
    if given is not None:
        return _shortened(_enough(read_word_vectors(given, tokenizer), str(given)), widest)
    if from_data is None:
        return _of_training_split(data, tokenizer, widest)
    texts = Texts(vector_data(from_data)["train"])
    vectors = vectors_of_texts(texts, tokenizer, from_data, d_embed=min(D_EMBED, widest))
    return replace(vectors, source=f"the training split of {from_data}")


def vector_data(source: str, *, cut_missing: bool = True) -> TextData:
    """Load data that the user named for word vectors.

    Raises:
        DataError: data that cannot be used.
    """
    try:
        return load_data(source, cut_missing=cut_missing)
    except DataError as error:
        fault, unnamed, _ = str(error).partition(" Name yours with --")
        mend = " The options that name columns are for --data; rename these columns in the file." if unnamed else ""
        raise DataError(f"Word vectors from {source}: {fault}{mend}") from None


def vectors_of_texts(texts: Iterable[str], tokenizer: TextTokenizer, name: str, **options: Any) -> WordVectors:
    """Return word vectors of texts that the user named for them; ``options`` as for :func:`word_vectors`.

    Raises:
        ConfigError: texts whose words are too few, or too few of the tokenizer's.
    """
    try:
        return _enough(word_vectors(texts, tokenizer, **options), name)
    except FewWordsError:
        return _enough(None, name)


def analysis_vectors(
    tokenizer: TextTokenizer, texts: Iterable[str], given: Embeddings | None = None, *, seed: int = 0
) -> Float[Tensor, "d_vocab d_embed"]:
    """Return one vector a token id for an analysis: the user's, or those of texts.

    All are NaN for texts with too few words, so that what needs vectors is undefined.

    Raises:
        ConfigError: embeddings or a file that cannot be used.
    """
    if isinstance(given, str | Path):
        given = _enough(read_word_vectors(given, tokenizer), str(given))
    if given is not None:
        return embedding_table(given, tokenizer)
    try:
        vectors = word_vectors(texts, tokenizer, seed=seed)
    except FewWordsError:
        return torch.full((tokenizer.d_vocab, 1), torch.nan)
    return embedding_table(vectors, tokenizer) if int(vectors.known.sum()) > 1 else vectors.vectors


def _of_training_split(data: TextData, tokenizer: TextTokenizer, widest: int) -> WordVectors:
    texts = Texts(data["train"])
    try:
        vectors = word_vectors(texts, tokenizer, d_embed=min(D_EMBED_SMALL, widest))
    except FewWordsError as error:
        raise DataError(
            f"The training split gives no word vectors: {error} Or name a file with word_vectors (--word-vectors) or "
            "other texts with word_vectors_from (--word-vectors-from), or use pairs that attend to each other, which "
            'need none (preset "attention").'
        ) from None
    if int(vectors.counts.sum()) >= SMALL:
        vectors = word_vectors(texts, tokenizer, d_embed=min(D_EMBED, widest))
    return replace(vectors, source=f"the training split of {data.source}")


def _enough(vectors: WordVectors | None, name: str) -> WordVectors:
    share = 0.0 if vectors is None else vectors.known.float().mean().item()
    if vectors is None or share < LEAST_KNOWN:
        raise ConfigError(
            f"Word vectors of {name} know {share:.0%} of the entries of the vocabulary; expected {LEAST_KNOWN:.0%} or "
            "more. Are they of another language or kind of text? Name another file with word_vectors (--word-vectors), "
            "or other texts with word_vectors_from (--word-vectors-from)."
        )
    return vectors


def _shortened(given: WordVectors, widest: int) -> WordVectors:
    """Return vectors of at most ``widest`` numbers, with cosines as near as possible to those they had."""
    if given.vectors.shape[1] <= widest:
        return given
    known = given.vectors[given.known].double()
    _, _, directions = torch.linalg.svd(known, full_matrices=False)
    vectors = torch.full((len(given.vectors), min(widest, len(directions))), torch.nan)
    vectors[given.known] = unit_rows(known @ directions[:widest].T)[0].float()
    return replace(given, vectors=vectors)
