"""Which words are related, by a pretrained encoder's own token embeddings."""

from __future__ import annotations

import hashlib
from typing import Protocol

import torch

from safr_lens.backbones.protocol import BackboneAdapter
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.models.compared import ComparedPairs
from safr_lens.models.config import ModelConfig
from safr_lens.word_vectors import WordVectors
from safr_lens.word_vectors.vectors import unit_rows

SOURCE = "the encoder's token embeddings"


class OnEncoder(Protocol):
    """A classifier, as far as the words of its encoder are concerned."""

    config: ModelConfig
    tokenizer: TextTokenizer
    adapter: BackboneAdapter
    compared: ComparedPairs | None


def compares_own_words(model: OnEncoder) -> bool:
    """Whether a training compared words by token embeddings that it left as they were: the weights hold them."""
    return model.compared is not None and model.compared.source == SOURCE and model.config.freeze == "all"


def encoder_word_vectors(model: OnEncoder) -> WordVectors:
    """Return the token embeddings of a model's encoder, centred and of unit length.

    The mean is over all entries but the tokenizer's special ones (``[CLS]``, ``[UNK]``, padding, ...), which get no
    vector. Word pieces have vectors of their own.
    """
    tokenizer = model.tokenizer
    embedding = model.adapter.embedding[: tokenizer.d_vocab].detach().float().cpu()
    added = tokenizer.tokenizer.get_added_tokens_decoder()
    without = [tokenizer.pad_id, *(i for i, token in added.items() if token.special)]
    known = torch.ones(len(embedding), dtype=torch.bool)
    known[without] = False
    vectors = torch.full_like(embedding, torch.nan)
    vectors[known] = unit_rows(embedding[known] - embedding[known].mean(0))[0].float()
    return WordVectors(
        words=tuple(map(tokenizer.word, range(len(embedding)))),
        counts=torch.zeros(len(embedding), dtype=torch.long),
        vectors=vectors,
        source=SOURCE,
        file_checksum=hashlib.sha256(vectors[known].numpy().tobytes()).hexdigest()[:12],
    )
