"""Starting the token embedding from word vectors instead of noise."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.errors import ConfigError
from safr_lens.models.classifier import HookedClassifier


def start_from_words(model: HookedClassifier, vectors: Float[Tensor, "d_vocab d_embed"], *, seed: int = 0) -> None:
    r"""Set the embedding of each word that has a vector to that vector, turned at random into ``d_model`` dimensions.

    .. math:: W_E[w] = \sigma \sqrt{d_{model}} \; \frac{v_w}{\|v_w\|} Q, \qquad Q Q^\top = 1

    so that angles between words are kept and lengths are those of an untrained embedding, with sigma
    ``config.embed_std``. The other words keep what they have.

    Args:
        model: a classifier, changed in place.
        vectors: one row a token id; NaN where a word has none.
        seed: of Q.

    Raises:
        ConfigError: the embedding is a pretrained one, or as many rows as the vocabulary and at most ``d_model``
            columns did not come.
    """
    if model.config.encoder is not None:
        raise ConfigError('embedding_start="words" would replace the token embeddings of a pretrained encoder.')
    weight = model.adapter.embedding
    d_vocab, d_model = weight.shape
    if len(vectors) != d_vocab or vectors.shape[1] > d_model:
        raise ConfigError(
            f"Expected word vectors of shape [{d_vocab}, at most {d_model}], one row a token id; "
            f"got {list(vectors.shape)}."
        )
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(d_model, vectors.shape[1], generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(noise).Q.T
    lengths = vectors.double().norm(dim=1, keepdim=True)
    known = (lengths.isfinite() & (lengths > 0)).flatten()
    turned = vectors[known].double() / lengths[known] @ rotation
    with torch.no_grad():
        turned = turned * model.config.embed_std * math.sqrt(d_model)
        weight[known.to(weight.device)] = turned.to(weight.device, weight.dtype)
