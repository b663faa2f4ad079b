"""Mean activation of each neuron over the texts of each class, and the same with shuffled labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from safr_lens.measures.nulls import N_LABEL_PERMUTATIONS, permutation_seed, shuffled, spread
from safr_lens.measures.streams.dataclass_metric import DataclassMetric
from safr_lens.measures.streams.type_means import blocks_of


@dataclass(frozen=True)
class ClassSums:
    """Sums of activations by group of sentences, permutation (the first is none) and class.

    Attributes:
        sums: of activations.
        sizes: how many tokens were summed for each block of neurons, since each has permutations of its own.
    """

    sums: Float[Tensor, "n_groups n_orders n_classes d_mlp"]
    sizes: Int[Tensor, "n_groups n_orders n_blocks n_classes"]

    @property
    def n_groups(self) -> int:
        """Number of groups of sentences."""
        return len(self.sums)

    def means(self, *, without: int | None = None) -> Float[Tensor, "n_orders n_classes d_mlp"]:
        """Return the means over all tokens of each class, or without one group of sentences; NaN for an absent class.

        The first is that of the true labels, the others are those of shuffled ones.
        """
        keep = [group for group in range(self.n_groups) if group != without]
        widths = torch.tensor([len(block) for block in blocks_of(self.sums.shape[3])])
        sizes = self.sizes[keep].sum(0).repeat_interleave(widths, dim=1).transpose(1, 2)
        return self.sums[keep].sum(0) / sizes


class ClassActivations(DataclassMetric[ClassSums]):
    """Sums activations by the class of the text while a corpus streams by, and again with labels shuffled among texts.

    Labels are shuffled among whole texts, since the tokens of a text share one; blocks of neurons have permutations of
    their own, as in :class:`TypeActivations`.

    Args:
        labels: of all texts of the corpus.
        n_classes: number of classes.
        d_mlp: number of neurons.
        n_null: number of permutations.
        n_groups: number of groups of sentences, for confidence intervals.
        seed: of the permutations.

    >>> metric = ClassActivations(torch.tensor([0, 1]), n_classes=2, d_mlp=1)
    >>> metric.update(torch.tensor([[6.0], [1.0]]), torch.tensor([3, 1]), torch.tensor([0, 1]))
    >>> metric.result().means()[0].flatten().tolist()
    [2.0, 1.0]
    """

    def __init__(
        self,
        labels: Int[Tensor, " n_texts"],
        n_classes: int,
        d_mlp: int,
        *,
        n_null: int = N_LABEL_PERMUTATIONS,
        n_groups: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.seed = seed
        numbers = torch.arange(len(labels))
        orders = [numbers] + [
            shuffled(numbers, len(labels), seed=permutation_seed(seed, order)) for order in range(1, n_null + 1)
        ]
        self.register_buffer("labels", labels, persistent=False)
        self.register_buffer("places", torch.stack(orders), persistent=False)
        self.blocks = blocks_of(d_mlp)
        widths = torch.tensor([len(block) for block in self.blocks])
        self.register_buffer("block_of_neuron", torch.repeat_interleave(widths), persistent=False)
        shape = (n_groups, 1 + n_null)
        self.add_state("sums", torch.zeros(*shape, n_classes, d_mlp, dtype=torch.float64), dist_reduce_fx="sum")
        sizes = torch.zeros(*shape, len(self.blocks), n_classes, dtype=torch.long)
        self.add_state("sizes", sizes, dist_reduce_fx="sum")

    def update(
        self,
        text_sums: Float[Tensor, "n_texts d_mlp"],
        lengths: Int[Tensor, " n_texts"],
        examples: Int[Tensor, " n_texts"],
        groups: Int[Tensor, " n_texts"] | None = None,
    ) -> None:
        """Add some texts.

        Args:
            text_sums: activations summed over the real tokens of each.
            lengths: how many tokens each has.
            examples: the number of each in the corpus, from 0.
            groups: the group that each belongs to.
        """
        groups = torch.zeros_like(examples) if groups is None else groups
        text_sums = text_sums.double()
        _, n_orders, n_blocks, n_classes = self.sizes.shape
        orders, blocks = torch.arange(n_orders, device=groups.device), torch.arange(n_blocks, device=groups.device)
        labels = torch.stack([self._labels(examples, order) for order in range(n_orders)])
        starts = groups * n_orders + orders[:, None, None]  # [n_orders 1 n_texts]
        rows = (starts * n_classes + labels).transpose(1, 2)[:, :, self.block_of_neuron].flatten(0, 1)
        self.sums.view(-1, text_sums.shape[1]).scatter_add_(0, rows, text_sums.repeat(n_orders, 1))
        cells = (starts * n_blocks + blocks[:, None]) * n_classes + labels
        self.sizes.view(-1).index_add_(0, cells.flatten(), lengths.expand_as(cells).flatten())

    def _labels(self, examples: Int[Tensor, " n_texts"], order: int) -> Int[Tensor, "n_blocks n_texts"]:
        places = self.places[order, examples]
        if order == 0:
            return self.labels[places].expand(len(self.blocks), -1)
        return self.labels[spread(places, len(self.labels), len(self.blocks), seed=permutation_seed(self.seed, order))]

    def _result(self) -> ClassSums:
        return ClassSums(self.sums, self.sizes)
