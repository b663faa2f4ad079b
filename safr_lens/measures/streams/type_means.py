"""Mean activation of each neuron over the occurrences of each token type, and the same with shuffled types."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from safr_lens.measures.formulas.in_blocks import AT_ONCE
from safr_lens.measures.nulls import N_TYPE_PERMUTATIONS, permutation_seed, shuffles, spread
from safr_lens.measures.streams.dataclass_metric import DataclassMetric
from safr_lens.measures.streams.slots import SlotsOfPlaces

MIN_COUNT = 5
MAX_TYPES = 4000
N_BLOCKS = 32
PIECE = 4096


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
    """Sums of activations by group of sentences and type, and the same with shuffled types.

    Attributes:
        types: token ids.
        sums, sizes: of activations, and of how many tokens.
        null_sums, null_sizes: the same under a permutation of each block of neurons; ``width`` is that of the widest
            block, and narrower ones are filled up with 0.
        more: sums under further permutations, over all sentences.
    """

    types: Int[Tensor, " n_types"]
    sums: Float[Tensor, "n_groups n_types d_mlp"]
    sizes: Int[Tensor, "n_groups n_types"]
    null_sums: Float[Tensor, "n_groups n_blocks n_types width"]
    null_sizes: Int[Tensor, "n_groups n_blocks n_types"]
    more: Float[Tensor, "n_more n_blocks n_types width"]

    @property
    def n_groups(self) -> int:
        """Number of groups of sentences."""
        return len(self.sums)

    @functools.cached_property
    def _totals(self) -> dict[str, Tensor]:
        return {name: getattr(self, name).sum(0) for name in ("sums", "sizes", "null_sums", "null_sizes")}

    def means(self, *, without: int | None = None, null: bool = True) -> TypeMeans:
        """Return the means over all sentences, or without one group of them, which have one permutation only.

        Types that do not occur once the group is left out, or under a permutation meet no token, are left out too.

        Args:
            without: the group that is left out.
            null: whether to make the means under permutations too (:meth:`nulls`).
        """
        sizes, _, met = self._sizes(without)
        left_out = None if without is None else self.sums[without]
        means = means_of(self._totals["sums"], sizes, left_out)[met]
        nulls = torch.stack(list(self.nulls(without=without))) if null else means.new_empty(0, *means.shape)
        return TypeMeans(self.types[met], sizes[met], means, nulls)

    def nulls(self, *, without: int | None = None) -> Iterator[Float[Tensor, "n_met d_mlp"]]:
        """Yield the means under each permutation, one after the other: together they would be many times as large."""
        sizes, null_sizes, met = self._sizes(without)
        left_out = [None] * len(null_sizes) if without is None else self.null_sums[without]
        blocks = zip(self._totals["null_sums"], null_sizes, left_out, strict=True)
        yield self._by_neuron(means_of(*block)[met] for block in blocks)
        for one in self.more if without is None else ():
            yield self._by_neuron(means_of(block, sizes)[met] for block in one)

    def _sizes(self, without: int | None) -> tuple[Int[Tensor, " n_types"], Int[Tensor, "n_blocks n_types"], Tensor]:
        """Return the sizes without a group, and which types are met in it and under the permutation."""
        sizes, null_sizes = (
            self._totals[name] - (0 if without is None else getattr(self, name)[without])
            for name in ("sizes", "null_sizes")
        )
        return sizes, null_sizes, (sizes > 0) & (null_sizes > 0).all(0)

    def _by_neuron(self, table: Iterable[Float[Tensor, "n_met width"]]) -> Float[Tensor, "n_met d_mlp"]:
        blocks = blocks_of(self.sums.shape[2])
        return torch.cat([part[:, : len(block)] for part, block in zip(table, blocks, strict=True)], dim=1)


def means_of(
    sums: Float[Tensor, "n_types d_mlp"],
    sizes: Int[Tensor, " n_types"],
    left_out: Float[Tensor, "n_types d_mlp"] | None = None,
) -> Float[Tensor, "n_types d_mlp"]:
    """Return means of sums, less other sums if there are any, in single precision, a few neurons at a time.

    >>> means_of(torch.tensor([[6.0], [1.0]]), torch.tensor([2, 1]), torch.tensor([[2.0], [0.0]])).flatten().tolist()
    [2.0, 1.0]
    """
    parts = sums.split(AT_ONCE, dim=1)
    less = [0] * len(parts) if left_out is None else left_out.split(AT_ONCE, dim=1)
    return torch.cat([((part - out) / sizes.unsqueeze(1)).float() for part, out in zip(parts, less, strict=True)], 1)


class TypeActivations(DataclassMetric[TypeSums]):
    """Sums activations by token type while a corpus streams by, once as it is and again with shuffled types.

    The counts must be known ahead, since a permutation shuffles the types among all tokens of the corpus. Whatever the
    order of updates, and over however many processes, the sums are the same. Blocks of neurons have permutations of
    their own, so that a mean over neurons has the noise of some hundred permutations and not of a few. Memory:
    ``4 (3 n_groups + n_null - 1) n_types d_mlp`` bytes, however large the corpus: what is measured is summed in
    float64, what chance gives in float32. Shuffled sums are kept block by block: rows as short as a block, scattered
    over a table as wide as all neurons, would each miss the caches.

    Args:
        type_counts: how often each token id occurs in the whole corpus.
        d_mlp: number of neurons.
        min_count: types seen less often say nothing and are left out.
        max_types: only so many types are kept, the most frequent ones.
        n_null: number of permutations of each neuron, at least 1.
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
        n_null: int = N_TYPE_PERMUTATIONS,
        n_groups: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.n_tokens = int(type_counts.sum())
        order = type_counts.argsort(descending=True, stable=True)[:max_types]
        types = order[type_counts[order] >= max(min_count, 1)].sort().values
        slots = torch.full((len(type_counts),), len(types))  # what is left out goes to a spare row
        slots[types] = torch.arange(len(types))
        self.register_buffer("types", types, persistent=False)
        self.register_buffer("slots", slots, persistent=False)
        self.slots_of_places = SlotsOfPlaces(type_counts, slots)
        self.blocks = blocks_of(d_mlp)
        columns = torch.full((len(self.blocks), max(map(len, self.blocks))), d_mlp)  # beyond a narrower block: a zero
        for row, block in zip(columns, self.blocks, strict=True):
            row[: len(block)] = torch.tensor(block)
        self.register_buffer("columns", columns, persistent=False)
        self.seeds = [permutation_seed(seed, number) for number in range(n_null)]
        n_rows, n_blocks, width = len(types) + 1, len(self.blocks), max(map(len, self.blocks))
        self.shapes = {
            "sums": (n_groups, n_rows, d_mlp),
            "null_sums": (n_groups, n_blocks, n_rows, width),
            "more": (n_null - 1, n_blocks, n_rows, width),
        }
        # empty by default, since torchmetrics keeps a copy of every default
        for name in self.shapes:
            self.add_state(name, torch.zeros(0), dist_reduce_fx="sum")
        for name, shape in (("sizes", (n_groups, n_rows)), ("null_sizes", (n_groups, n_blocks, n_rows))):
            self.add_state(name, torch.zeros(shape, dtype=torch.long), dist_reduce_fx="sum")
        self._make()

    def reset(self) -> None:
        """Forget all that was added."""
        super().reset()
        self._make()

    def _make(self) -> None:
        for name, shape in self.shapes.items():
            exact = torch.float64 if name == "sums" else torch.float32
            setattr(self, name, torch.zeros(shape, dtype=exact, device=self.sizes.device))

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
        groups = torch.zeros_like(tokens) if groups is None else groups
        for part in zip(*(whole.split(PIECE) for whole in (neurons, tokens, numbers, groups)), strict=True):
            self._add(*part)

    def _add(self, neurons: Tensor, tokens: Tensor, numbers: Tensor, groups: Tensor) -> None:
        n_rows = self.sizes.shape[1]
        cells = groups * n_rows + self.slots[tokens]
        self.sums.view(-1, neurons.shape[1]).index_add_(0, cells, neurons.double())
        self.sizes.view(-1).index_add_(0, cells, torch.ones_like(cells))
        first, *others = self._shuffled_slots(numbers)
        tables = [(self.null_sums, first, groups)]
        tables += [(self.more, slots, torch.full_like(groups, i)) for i, slots in enumerate(others)]
        width = self.null_sums.shape[3]
        alike = len(self.blocks) * width == neurons.shape[1]
        by_block = neurons.unflatten(1, (-1, width)) if alike else F.pad(neurons, (0, 1))[:, self.columns]
        values = by_block.transpose(0, 1).reshape(-1, width)
        numbers_of_blocks = torch.arange(len(self.blocks), device=groups.device).unsqueeze(1)
        for table, slots, outer in tables:
            cells = ((outer * len(self.blocks) + numbers_of_blocks) * n_rows + slots).flatten()
            table.view(-1, width).index_add_(0, cells, values)
            if table is self.null_sums:
                self.null_sizes.view(-1).index_add_(0, cells, torch.ones_like(cells))

    def _shuffled_slots(self, numbers: Tensor) -> list[Int[Tensor, "n_blocks n_tokens"]]:
        # one permutation after the other: in large pieces of ever other sizes the allocator keeps what it cannot reuse
        orders = zip(shuffles(numbers, self.n_tokens, seeds=self.seeds), self.seeds, strict=True)
        return [
            self.slots_of_places(spread(order, self.n_tokens, len(self.blocks), seed=seed)) for order, seed in orders
        ]

    def _result(self) -> TypeSums:
        sums, null_sums, more = (state[..., :-1, :] for state in (self.sums, self.null_sums, self.more))
        return TypeSums(self.types, sums, self.sizes[:, :-1], null_sums, self.null_sizes[..., :-1], more)


def blocks_of(d_mlp: int) -> list[range]:
    """Return the blocks of neurons that have permutations of their own."""
    n_blocks = min(N_BLOCKS, d_mlp)
    return [range(d_mlp * i // n_blocks, d_mlp * (i + 1) // n_blocks) for i in range(n_blocks)]


def type_means(
    tokens: Int[Tensor, " n_tokens"],
    neurons: Float[Tensor, "n_tokens d_mlp"] | Iterable[Float[Tensor, "pos d_mlp"]],
    *,
    min_count: int = MIN_COUNT,
    max_types: int = MAX_TYPES,
    n_null: int = N_TYPE_PERMUTATIONS,
    seed: int = 0,
) -> TypeMeans:
    """Average neurons by token type.

    Args:
        tokens: the type of every token, in the order of ``neurons``.
        neurons: the neurons of these tokens, whole or in pieces of any size.
        min_count, max_types, n_null, seed: as in :class:`TypeActivations`.

    Raises:
        ValueError: when there are not as many rows of neurons as tokens.

    >>> result = type_means(torch.tensor([7, 7, 9]), torch.tensor([[1.0], [3.0], [5.0]]), min_count=1)
    >>> result.types.tolist(), result.means.flatten().tolist()
    ([7, 9], [2.0, 5.0])
    """
    metric: TypeActivations | None = None
    row = 0
    for piece in [neurons] if isinstance(neurons, Tensor) else neurons:
        if metric is None:
            chosen = {"min_count": min_count, "max_types": max_types, "n_null": n_null, "seed": seed}
            metric = TypeActivations(torch.bincount(tokens), piece.shape[1], **chosen)
        part = slice(row, row + len(piece))
        row += len(piece)
        if row <= len(tokens):
            metric.update(piece, tokens[part], torch.arange(part.start, part.stop))
    if metric is None or row != len(tokens):
        raise ValueError(f"type_means got {len(tokens)} tokens but {row} rows of neurons.")
    return metric.result().means()
