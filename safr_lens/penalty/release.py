"""The terms of the authors' release: importance on the gated embedding, interaction on the attention pattern."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.penalty.correlation import real_pairs
from safr_lens.penalty.inputs import TermInputs
from safr_lens.penalty.term import Term


def embedding_importance(
    embed: Float[Tensor, "batch pos d_model"], mask: Bool[Tensor, "batch pos"]
) -> Float[Tensor, ""]:
    r"""The release's importance term: mean polysemanticity of the gated embeddings.

    .. math:: poly_i = \frac{\|(\hat x_i \cdot x_j)_{j \ne i}\|_2}{\sqrt{d_{model}}}, \qquad
              \hat x = \frac{x}{10^{-5} + \|x\|}, \qquad L_{imp} = \mathrm{mean}_i \, poly_i

    with i over all real tokens of the batch and j over the real tokens of the same text.

    Args:
        embed: x, the embedding after VMASK's gate.
        mask: True at real tokens. With an all-True mask this is the release's formula; the release itself has no
            mask and counts padding.

    Returns:
        A scalar, at least 0. It is of degree 1 in the scale of the embeddings: shrinking them lowers it for free.

    Source: the release of arXiv 2501.16374, derived from its equations.

    >>> embedding_importance(torch.eye(4).unsqueeze(0), torch.ones(1, 4, dtype=torch.bool))
    tensor(0.)
    """
    x = embed.float()
    unit = x / (1e-5 + x.norm(dim=-1, keepdim=True))
    dots = (unit @ x.transpose(1, 2)) * real_pairs(mask)
    squared = dots.square().sum(-1)
    # the square root has an infinite slope at zero
    norm = torch.where(squared > 0, squared, 1.0).sqrt() * (squared > 0)
    return (norm * mask).sum() / (math.sqrt(x.shape[-1]) * mask.sum().clamp_min(1))


def embedding_interaction(
    pattern: Float[Tensor, "batch head_index pos pos"], mask: Bool[Tensor, "batch pos"]
) -> Float[Tensor, ""]:
    r"""The release's interaction term on the attention pattern.

    .. math:: I = \mathrm{offdiag}(A A^T), \qquad L_{inter} = \mathrm{mean}_{b,h,i,j} \; A_{ij} (1 - I_{ij})

    per head, over all pairs (i, j) of real positions of the batch, the diagonal included.

    Args:
        pattern: A, query by key.
        mask: True at real tokens; padded rows and columns do not count.

    Returns:
        A scalar in [0, 1/L] for texts of L tokens: it hardly moves, a fault of the formula.

    Source: the release of arXiv 2501.16374, derived from its equations.

    >>> embedding_interaction(torch.eye(4).view(1, 1, 4, 4), torch.ones(1, 4, dtype=torch.bool))
    tensor(0.2500)
    """
    both = (mask.unsqueeze(1) & mask.unsqueeze(2)).unsqueeze(1)
    pattern = pattern.float() * both
    similarity = (pattern @ pattern.transpose(2, 3)) * real_pairs(mask).unsqueeze(1)
    n_pairs = both.sum().clamp_min(1) * pattern.shape[1]
    return (pattern * (1 - similarity)).sum() / n_pairs


class EmbeddingImportance(Term):
    """:func:`embedding_importance` of the gated embedding."""

    name = "importance"
    sentence = "Embeddings of important tokens overlap little, as in the authors' release."
    site = "embedding"
    needs = ("embedding",)
    weight = 2.0

    def value(self, inputs: TermInputs) -> Float[Tensor, ""]:
        return embedding_importance(inputs.embedding, inputs.mask)


class EmbeddingInteraction(Term):
    """:func:`embedding_interaction` of the first layer's attention."""

    name = "interaction"
    sentence = "Tokens attend to tokens with a similar attention, as in the authors' release."
    site = "embedding"
    needs = ("pattern",)
    weight = 1.0
    default_layer = 0

    def value(self, inputs: TermInputs) -> Float[Tensor, ""]:
        return embedding_interaction(inputs.pattern, inputs.mask)
