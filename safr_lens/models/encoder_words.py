"""Which words are related, by a pretrained encoder's own token embeddings."""

from __future__ import annotations

import hashlib

import torch

from safr_lens.models.classifier import HookedClassifier
from safr_lens.word_vectors import WordVectors
from safr_lens.word_vectors.unit_rows import unit_rows

SOURCE = "the encoder's token embeddings"


def encoder_word_vectors(model: HookedClassifier) -> WordVectors:
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
