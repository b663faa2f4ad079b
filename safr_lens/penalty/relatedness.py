"""Pairs of tokens that are related by the distributional similarity of their words, and across the texts of a batch."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.penalty.correlation import real_pairs


def word_correlation(
    tokens: Int[Tensor, "batch pos"],
    vectors: Float[Tensor, "d_vocab d_embed"],
    mask: Bool[Tensor, "batch pos"],
    threshold: float = 0.5,
) -> Float[Tensor, "batch pos pos"]:
    r"""Relatedness of token pairs by their word vectors.

    .. math:: T_{ij} = \frac{relu(\cos(v_i, v_j) - \tau)}{1 - \tau}

    with v the vector of a token's word, for :math:`i \ne j` both real; 1 where both are the same word. A word without a
    vector is related to none, so that unknown words, which share an id, do not count as the same.

    Args:
        tokens: token ids.
        vectors: one row a token id, of any length; NaN or zero where a word has none.
        mask: True at real tokens.
        threshold: tau, the cosine above which words count as related, from 0 up to, but not including, 1.

    Returns:
        T in [0, 1], symmetric, zero on the diagonal and at padding. It has no gradient.

    Source: ours.

    >>> vectors = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 2.0]])
    >>> word_correlation(torch.tensor([[0, 1, 2, 0]]), vectors, torch.ones(1, 4, dtype=torch.bool))[0, 0]
    tensor([0.0000, 0.6000, 0.0000, 1.0000])
    """
    return related(unit_or_zero(vectors[tokens].flatten(0, 1)).view(*tokens.shape, -1), mask, threshold)


def related(
    unit: Float[Tensor, "batch pos d_embed"], mask: Bool[Tensor, "batch pos"], threshold: float
) -> Float[Tensor, "batch pos pos"]:
    """Return :func:`word_correlation` from each token's word vector at unit length, or zero."""
    cosine = unit @ unit.transpose(1, 2)
    return cosine.sub_(threshold).div_(1 - threshold).clamp_(0.0, 1.0).mul_(real_pairs(mask))


def word_occurrences(tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Int[Tensor, "batch pos"]:
    """Return how often the word of each real token occurs among the real tokens of its row; at padding, any number.

    >>> tokens = torch.tensor([[7, 8, 7, 0], [7, 0, 0, 0]])
    >>> word_occurrences(tokens, tokens != 0)
    tensor([[2, 1, 2, 4],
            [1, 4, 4, 4]])
    """
    row = torch.arange(len(tokens), device=tokens.device).unsqueeze(1)
    words = torch.where(mask, tokens * len(tokens) + row, -1)
    _, place, counts = words.unique(return_inverse=True, return_counts=True)
    return counts[place]


def unit_or_zero(vectors: Float[Tensor, "n d_embed"]) -> Float[Tensor, "n d_embed"]:
    """Return the rows at unit length; zero where a row is zero or not finite.

    >>> unit_or_zero(torch.tensor([[3.0, 4.0], [float("nan"), 1.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000],
            [0.0000, 0.0000]])
    """
    vectors = vectors.detach().float()
    length = vectors.norm(dim=1, keepdim=True)
    known = length.isfinite() & (length > 0)
    return torch.where(known, vectors / torch.where(known, length, 1.0), 0.0)


def drawn_tokens(
    mask: Bool[Tensor, "batch pos"], max_tokens: int, *, generator: torch.Generator | None = None
) -> Int[Tensor, " n_drawn"]:
    """Return the places of real tokens drawn from the flattened batch, in rising order.

    All are taken where they fit. Padding neither takes places nor changes which tokens are drawn.

    Args:
        mask: True at real tokens.
        max_tokens: at most so many.
        generator: by default the global one.

    >>> drawn_tokens(torch.tensor([[True, True, False], [True, False, False]]), 10)
    tensor([0, 1, 3])
    """
    places = mask.flatten().nonzero().flatten()
    if len(places) <= max_tokens:
        return places
    return places[torch.randperm(len(places), generator=generator)[:max_tokens].to(places.device)].sort().values


def across_texts(
    correlation: Float[Tensor, "batch pos pos"], places: Int[Tensor, " n_drawn"]
) -> Float[Tensor, "n_drawn n_drawn"]:
    """Lay the pairs within texts out over drawn tokens; pairs of tokens of two texts get 0.

    Args:
        correlation: of the pairs within each text.
        places: of the drawn tokens in the flattened batch.

    >>> within = torch.tensor([[[0.0, 0.5], [0.5, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    >>> across_texts(within, torch.tensor([0, 1, 2]))
    tensor([[0.0000, 0.5000, 0.0000],
            [0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.0000]])
    """
    length = correlation.shape[1]
    text, position = places // length, places % length
    within_texts = correlation[text.unsqueeze(1), position.unsqueeze(1), position.unsqueeze(0)]
    return within_texts * (text.unsqueeze(1) == text.unsqueeze(0))
