"""Mean activation of each neuron over the texts of each class, and the same with shuffled labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from safr_lens.measures.nulls import shuffled
from safr_lens.measures.streamed import Streamed


@dataclass(frozen=True)
class ClassSums:
    """Sums of activations by group of sentences, permutation (the first is none) and class.

    Attributes:
        sums: of activations.
        sizes: how many tokens were summed.
    """

    sums: Float[Tensor, "n_groups n_orders n_classes d_mlp"]
    sizes: Int[Tensor, "n_groups n_orders n_classes"]

    @property
    def n_groups(self) -> int:
        """Number of groups of sentences."""
        return len(self.sums)

    def means(self, *, without: int | None = None) -> Float[Tensor, "n_orders n_classes d_mlp"]:
        """Return the means over all tokens of each class, or without one group of sentences; NaN for an absent class.

        The first is that of the true labels, the others are those of shuffled ones.
        """
        keep = [group for group in range(self.n_groups) if group != without]
        return self.sums[keep].sum(0) / self.sizes[keep].sum(0).unsqueeze(-1)


class ClassActivations(Streamed[ClassSums]):
    """Sums activations by the class of the text while a corpus streams by, and again with labels shuffled among texts.

    Labels are shuffled among whole texts, since the tokens of a text share one.

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
        n_null: int = 10,
        n_groups: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        numbers = torch.arange(len(labels))
        orders = [numbers] + [shuffled(numbers, len(labels), seed=seed * 1000 + order) for order in range(1, n_null + 1)]
        self.register_buffer("labels", labels[torch.stack(orders)], persistent=False)
        shape = (n_groups, 1 + n_null, n_classes)
        self.add_state("sums", torch.zeros(*shape, d_mlp, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("sizes", torch.zeros(shape, dtype=torch.long), dist_reduce_fx="sum")

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
        _, n_orders, n_classes = self.sizes.shape
        text_sums = text_sums.double()
        for order in range(n_orders):
            rows = (groups * n_orders + order) * n_classes + self.labels[order, examples]
            self.sums.view(-1, text_sums.shape[1]).index_add_(0, rows, text_sums)
            self.sizes.view(-1).index_add_(0, rows, lengths)

    def _result(self) -> ClassSums:
        return ClassSums(self.sums, self.sizes)
