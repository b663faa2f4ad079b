"""The interaction term of the authors' release, on the attention pattern."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.penalty.correlation import real_pairs
from safr_lens.penalty.inputs import TermInputs
from safr_lens.penalty.term import Term


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

    >>> import torch
    >>> embedding_interaction(torch.eye(4).view(1, 1, 4, 4), torch.ones(1, 4, dtype=torch.bool))
    tensor(0.2500)
    """
    both = (mask.unsqueeze(1) & mask.unsqueeze(2)).unsqueeze(1)
    pattern = pattern.float() * both
    similarity = (pattern @ pattern.transpose(2, 3)) * real_pairs(mask).unsqueeze(1)
    n_pairs = both.sum().clamp_min(1) * pattern.shape[1]
    return (pattern * (1 - similarity)).sum() / n_pairs


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
