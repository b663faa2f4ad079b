"""The word vectors that a training uses, if any."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from safr_lens.data.dataset import TextData
from safr_lens.data.texts import Texts
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.errors import ConfigError, DataError, FewWordsError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.training.config import TrainConfig
from safr_lens.word_vectors import WordVectors, word_vectors
from safr_lens.word_vectors.table import embedding_table

D_EMBED, D_EMBED_SMALL = 100, 50
UNUSED = 'Word vectors were given, but nothing uses them. Set embedding_start="words", pairs="words", or a mono_weight.'
SMALL = 1_000_000  # tokens; with fewer, the later of 100 dimensions hold noise alone


def training_vectors(
    model: HookedClassifier,
    data: TextData,
    config: TrainConfig,
    penalty: SafrPenalty,
    given: WordVectors | None = None,
) -> Float[Tensor, "d_vocab d_embed"] | None:
    """Return one vector a token id where penalty or embedding need them: those given, or of the training split.

    Raises:
        ConfigError: vectors were given, but nothing uses them.
        DataError: the training split has too few words.
    """
    if not uses_words(config, penalty):
        if given is not None:
            raise ConfigError(UNUSED)
        return None
    if given is None:
        given = own_vectors(data, model.tokenizer, widest=model.config.d_model)
    return embedding_table(given, model.tokenizer)


def uses_words(config: TrainConfig, penalty: SafrPenalty) -> bool:
    """Whether a training uses word vectors: in its penalty, or where its embedding starts."""
    return penalty.needs_words or config.embedding_start == "words"


def own_vectors(data: TextData, tokenizer: TextTokenizer, *, widest: int = D_EMBED) -> WordVectors:
    """Return word vectors of the training split, shorter ones where it is small.

    Raises:
        DataError: the split has too few words.
    """
    texts = Texts(data["train"])
    try:
        small = word_vectors(texts, tokenizer, d_embed=min(D_EMBED_SMALL, widest))
    except FewWordsError as error:
        raise DataError(
            f"The training split gives no word vectors: {error} Or name other texts with word_vectors_from "
            '(--word-vectors-from), or use pairs that attend to each other, which need none (preset "attention").'
        ) from None
    return small if int(small.counts.sum()) < SMALL else word_vectors(texts, tokenizer, d_embed=min(D_EMBED, widest))
