"""Starting token embedding and neurons from word vectors instead of noise."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
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
        ConfigError: as many rows as the vocabulary are expected, and at most ``d_model`` columns.
    """
    weight = model.backbone.embed.W_E
    turned, known = _turned(model, vectors, seed)
    with torch.no_grad():
        turned = turned * model.config.embed_std * math.sqrt(weight.shape[1])
        weight[known.to(weight.device)] = turned.to(weight.device, weight.dtype)


def start_neurons_from_words(
    model: HookedClassifier, vectors: Float[Tensor, "d_vocab d_embed"], *, seed: int = 0
) -> None:
    r"""Let each neuron look in the direction of a group of related words at first.

    .. math:: W_{in}[:, n] = \|W_{in}[:, n]\| \; \frac{c_n}{\|c_n\|} Q, \qquad Q Q^\top = 1

    with c the centres of ``d_mlp`` k-means groups of the words' vectors at unit length, and Q that of
    :func:`start_from_words` with the same seed. Lengths and biases are those of an untrained classifier. With fewer
    words than neurons each word is a group, and the neurons that are left keep what they have.

    Args:
        model: a classifier, changed in place; every layer starts alike.
        vectors: one row a token id; NaN where a word has none.
        seed: of Q, and of the groups.

    Raises:
        ConfigError: as :func:`start_from_words`.
    """
    turned, _ = _turned(model, vectors, seed)
    n_groups = min(model.config.d_mlp, len(turned))
    if n_groups < len(turned):
        turned = _centres(turned, n_groups, seed)
    for block in model.backbone.blocks:
        weight = block.mlp.W_in
        with torch.no_grad():
            columns = turned.T.to(weight.device, weight.dtype)
            weight[:, :n_groups] = columns * weight[:, :n_groups].norm(dim=0)


def _centres(rows: Float[Tensor, "n_words d_model"], n_groups: int, seed: int) -> Float[Tensor, "n_groups d_model"]:
    """Return the centres of groups of rows, at unit length."""
    from sklearn.cluster import KMeans

    found = KMeans(n_groups, n_init=1, random_state=seed).fit(rows.numpy()).cluster_centers_
    return torch.nn.functional.normalize(torch.from_numpy(found), dim=1)


def _turned(
    model: HookedClassifier, vectors: Float[Tensor, "d_vocab d_embed"], seed: int
) -> tuple[Float[Tensor, "n_known d_model"], Bool[Tensor, " d_vocab"]]:
    """Return the vectors at unit length, turned at random into ``d_model`` dimensions, and which token ids have one."""
    d_vocab, d_model = model.backbone.embed.W_E.shape
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
    return vectors[known].double() / lengths[known] @ rotation, known
