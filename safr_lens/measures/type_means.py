"""Mean activation of each neuron over the occurrences of each token type, and the same with shuffled types."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class TypeMeans:
    """Mean activations by token type.

    Attributes:
        types: token ids of the types that occur at least ``min_count`` times.
        counts: how often each occurs.
        means: over the occurrences of each type.
        null: the same after the types were shuffled among all tokens, once per permutation.
    """

    types: Int[Tensor, " n_types"]
    counts: Int[Tensor, " n_types"]
    means: Float[Tensor, "n_types d_mlp"]
    null: Float[Tensor, "n_null n_types d_mlp"]


def type_means(
    tokens: Int[Tensor, " n_tokens"],
    neurons: Iterable[Float[Tensor, "pos d_mlp"]],
    *,
    min_count: int = 5,
    n_null: int = 3,
    seed: int = 0,
) -> TypeMeans:
    """Average neurons by token type in one pass.

    Args:
        tokens: the type of every token of the corpus, in the order of ``neurons``.
        neurons: the neurons of these tokens, in pieces of any size.
        min_count: types seen less often say nothing and are left out.
        n_null: how many permutations.
        seed: of the permutations.

    Raises:
        ValueError: when the pieces do not add up to as many rows as there are tokens.

    >>> found = type_means(torch.tensor([7, 7, 9]), [torch.tensor([[1.0], [3.0]]), torch.tensor([[5.0]])], min_count=1)
    >>> found.types.tolist(), found.means.flatten().tolist()
    ([7, 9], [2.0, 5.0])
    """
    types, index, counts = tokens.unique(return_inverse=True, return_counts=True)
    generator = torch.Generator().manual_seed(seed)
    orders = [index] + [index[torch.randperm(len(index), generator=generator)] for _ in range(n_null)]
    sums: Tensor | None = None
    row = 0
    pieces = iter(neurons)
    for piece in pieces:
        if sums is None:
            sums = torch.zeros(len(orders), len(types), piece.shape[1], dtype=torch.float64)
        if row + len(piece) > len(tokens):
            n_rows = row + len(piece) + sum(len(rest) for rest in pieces)
            raise ValueError(f"type_means got {len(tokens)} tokens but {n_rows} rows of neurons.")
        rows = slice(row, row + len(piece))
        for total, order in zip(sums, orders, strict=True):
            total.index_add_(0, order[rows], piece.double())
        row += len(piece)
    if sums is None or row != len(tokens):
        raise ValueError(f"type_means got {len(tokens)} tokens but {row} rows of neurons.")
    frequent = counts >= min_count
    means = (sums / counts.view(1, -1, 1)).float()[:, frequent]
    return TypeMeans(types[frequent], counts[frequent], means[0], means[1:])
