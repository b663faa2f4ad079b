"""Mean activation of each neuron over the occurrences of each token type, and the same with shuffled types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from safr_lens.measures.nulls import shuffled
from safr_lens.measures.streamed import Streamed

MIN_COUNT = 5
MAX_TYPES = 4000


@dataclass(frozen=True)
class TypeMeans:
    """Mean activations by token type.

    Attributes:
        types: token ids of the types that occur often enough.
        counts: how often each occurs.
        means: over the occurrences of each type.
        null: the same after the types were shuffled among all tokens, once per permutation.
    """

    types: Int[Tensor, " n_types"]
    counts: Int[Tensor, " n_types"]
    means: Float[Tensor, "n_types d_mlp"]
    null: Float[Tensor, "n_null n_types d_mlp"]


@dataclass(frozen=True)
class TypeSums:
    """Sums of activations by group of sentences, permutation (the first is none) and type.

    Attributes:
        types: token ids.
        sums: of activations.
        sizes: how many tokens were summed.
    """

    types: Int[Tensor, " n_types"]
    sums: Float[Tensor, "n_groups n_orders n_types d_mlp"]
    sizes: Int[Tensor, "n_groups n_orders n_types"]

    @property
    def n_groups(self) -> int:
        """Number of groups of sentences."""
        return len(self.sums)

    def means(self, *, without: int | None = None) -> TypeMeans:
        """Return the means over all sentences, or without one group of them.

        Types that do not occur, or under a permutation meet no token, once the group is left out, are left out too.
        """
        sums, sizes = self.sums.sum(0), self.sizes.sum(0)
        if without is not None:
            sums -= self.sums[without]
            sizes = sizes - self.sizes[without]
        met = (sizes > 0).all(0)
        means = (sums[:, met] / sizes[:, met].unsqueeze(-1)).float()
        return TypeMeans(self.types[met], sizes[0, met], means[0], means[1:])


class TypeActivations(Streamed[TypeSums]):
    """Sums activations by token type while a corpus streams by, once as it is and again with shuffled types.

    The counts must be known ahead, since a permutation shuffles the types among all tokens of the corpus. Whatever the
    order of updates, and over however many processes, the sums are the same. Memory: ``8 n_groups (1 + n_null) n_types
    d_mlp`` bytes, however large the corpus.

    Args:
        type_counts: how often each token id occurs in the whole corpus.
        d_mlp: number of neurons.
        min_count: types seen less often say nothing and are left out.
        max_types: only so many types are kept, the most frequent ones.
        n_null: number of permutations.
        n_groups: number of groups of sentences, for confidence intervals.
        seed: of the permutations.

    >>> metric = TypeActivations(torch.tensor([0, 2, 1]), d_mlp=1, min_count=1)
    >>> metric.update(torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([1, 1, 2]), numbers=torch.arange(3))
    >>> metric.result().means().means.flatten().tolist()
    [2.0, 5.0]
    """

    def __init__(
        self,
        type_counts: Int[Tensor, " d_vocab"],
        d_mlp: int,
        *,
        min_count: int = MIN_COUNT,
        max_types: int = MAX_TYPES,
        n_null: int = 2,
        n_groups: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.n_tokens = int(type_counts.sum())
        self.seed = seed
        order = type_counts.argsort(descending=True, stable=True)[:max_types]
        types = order[type_counts[order] >= max(min_count, 1)].sort().values
        slots = torch.full((len(type_counts),), -1)
        slots[types] = torch.arange(len(types))
        self.register_buffer("types", types, persistent=False)
        self.register_buffer("slots", slots, persistent=False)
        self.register_buffer("ends", type_counts.cumsum(0), persistent=False)
        shape = (n_groups, 1 + n_null, len(types))
        self.shape = (*shape, d_mlp)
        # empty by default, since torchmetrics keeps a copy of every default
        self.add_state("sums", torch.zeros(0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("sizes", torch.zeros(shape, dtype=torch.long), dist_reduce_fx="sum")
        self._make()

    def reset(self) -> None:
        """Forget all that was added."""
        super().reset()
        self._make()

    def _make(self) -> None:
        self.sums = torch.zeros(self.shape, dtype=torch.float64, device=self.sizes.device)

    def update(
        self,
        neurons: Float[Tensor, "n_tokens d_mlp"],
        tokens: Int[Tensor, " n_tokens"],
        numbers: Int[Tensor, " n_tokens"],
        groups: Int[Tensor, " n_tokens"] | None = None,
    ) -> None:
        """Add some tokens.

        Args:
            neurons: their activations.
            tokens: their ids.
            numbers: the number of each in the corpus, from 0; what a permutation permutes.
            groups: the group that the sentence of each belongs to.
        """
        neurons = neurons.double()
        groups = torch.zeros_like(tokens) if groups is None else groups
        _, n_orders, n_types = self.sizes.shape
        for order in range(n_orders):
            slots = self.slots[tokens if order == 0 else self._shuffled_types(numbers, order)]
            known = slots >= 0
            rows = ((groups * n_orders + order) * n_types + slots)[known]
            self.sums.view(-1, neurons.shape[1]).index_add_(0, rows, neurons[known])
            self.sizes.view(-1).index_add_(0, rows, torch.ones_like(rows))

    def _shuffled_types(self, numbers: Tensor, order: int) -> Tensor:
        places = shuffled(numbers, self.n_tokens, seed=self.seed * 1000 + order)
        return torch.searchsorted(self.ends, places, right=True)

    def _result(self) -> TypeSums:
        return TypeSums(self.types, self.sums, self.sizes)


def type_means(
    tokens: Int[Tensor, " n_tokens"],
    neurons: Float[Tensor, "n_tokens d_mlp"] | Iterable[Float[Tensor, "pos d_mlp"]],
    *,
    min_count: int = MIN_COUNT,
    max_types: int = MAX_TYPES,
    n_null: int = 2,
    seed: int = 0,
) -> TypeMeans:
    """Average neurons by token type.

    Args:
        tokens: the type of every token, in the order of ``neurons``.
        neurons: the neurons of these tokens, whole or in pieces of any size.
        min_count, max_types, n_null, seed: as in :class:`TypeActivations`.

    Raises:
        ValueError: when there are not as many rows of neurons as tokens.

    >>> found = type_means(torch.tensor([7, 7, 9]), torch.tensor([[1.0], [3.0], [5.0]]), min_count=1)
    >>> found.types.tolist(), found.means.flatten().tolist()
    ([7, 9], [2.0, 5.0])
    """
    metric: TypeActivations | None = None
    row = 0
    for piece in _pieces(neurons):
        if metric is None:
            metric = TypeActivations(
                torch.bincount(tokens),
                piece.shape[1],
                min_count=min_count,
                max_types=max_types,
                n_null=n_null,
                seed=seed,
            )
        part = slice(row, row + len(piece))
        row += len(piece)
        if row <= len(tokens):
            metric.update(piece, tokens[part], torch.arange(part.start, part.stop))
    if metric is None or row != len(tokens):
        raise ValueError(f"type_means got {len(tokens)} tokens but {row} rows of neurons.")
    return metric.result().means()


def _pieces(neurons: Tensor | Iterable[Tensor]) -> Iterator[Tensor]:
    return iter([neurons] if isinstance(neurons, Tensor) else neurons)
