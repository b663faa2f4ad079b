"""How concentrated the evidence of tokens is, and what it would be with the neurons' directions permuted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from safr_lens.measures.attribution import margin
from safr_lens.measures.formulas.evidence import neurons_for_half
from safr_lens.measures.nulls import permutation_seed, shuffled
from safr_lens.measures.streams.dataclass_metric import DataclassMetric
from safr_lens.measures.streams.registered import ReadTexts, StreamSetup

N_BLOCKS = 64
PIECE = 4096
ROUNDING = 1e-6


@dataclass(frozen=True)
class EvidenceCounts:
    """How many tokens need how many neurons for half of their evidence, by block of texts.

    Attributes:
        all_tokens: number of tokens at each number of neurons, from 0 (no evidence at all) to ``d_mlp``; first as
            measured, then with the neurons' directions permuted.
        important: the same of the tokens whose importance is at least the mean of their text.
    """

    all_tokens: Int[Tensor, "n_blocks 2 d_mlp_and_1"]
    important: Int[Tensor, "n_blocks 2 d_mlp_and_1"]


class EvidenceStream(DataclassMetric[EvidenceCounts]):
    """Counts :func:`~safr_lens.measures.neurons_for_half` of each token while a corpus streams by.

    Each of up to 64 blocks of texts has a permutation of its own, of what neurons write among the neurons: it keeps how
    many neurons are active and how unequal the directions are, and breaks only which neuron has which. Memory:
    ``32 n_blocks (d_mlp + 1)`` bytes, however large the corpus.

    Args:
        setup: what is known of corpus and model; ``writes`` must be known.
    """

    def __init__(self, setup: StreamSetup) -> None:
        super().__init__()
        assert setup.writes is not None
        self.n_texts, self.seed = setup.corpus.n_texts, setup.seed
        n_blocks = min(N_BLOCKS, self.n_texts)
        orders = [torch.arange(setup.d_mlp)] * n_blocks
        orders = [shuffled(one, len(one), seed=permutation_seed(setup.seed, b)) for b, one in enumerate(orders)]
        self.register_buffer("orders", torch.stack(orders), persistent=False)
        directions = torch.stack([margin(setup.writes, c) for c in range(setup.n_classes)])
        self.register_buffer("directions", directions, persistent=False)
        for name in ("all_tokens", "important"):
            zeros = torch.zeros(n_blocks, 2, setup.d_mlp + 1, dtype=torch.long)
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def update(self, read: ReadTexts) -> None:
        """Add some texts."""
        assert read.written is not None
        blocks = shuffled(read.example, self.n_texts, seed=self.seed) % len(self.orders)
        own = self.directions[read.logits.argmax(1)]
        important = _important(read.importance, read.rows, read.lengths)
        for place, directions in enumerate((own, own.gather(1, self.orders[blocks]))):
            needed = [
                neurons_for_half(neurons * directions[rows])
                for neurons, rows in zip(read.written.split(PIECE), read.rows.split(PIECE), strict=True)
            ]
            cells = (2 * blocks[read.rows] + place) * self.all_tokens.shape[2] + torch.cat(needed)
            for counts, chosen in ((self.all_tokens, cells), (self.important, cells[important])):
                counts.view(-1).index_add_(0, chosen, torch.ones_like(chosen))

    def _result(self) -> EvidenceCounts:
        return EvidenceCounts(self.all_tokens.cpu(), self.important.cpu())


def _important(
    importance: Float[Tensor, " n_tokens"], rows: Int[Tensor, " n_tokens"], lengths: Int[Tensor, " n_texts"]
) -> Tensor:
    exact = importance.double()
    means = exact.new_zeros(len(lengths)).index_add_(0, rows, exact) / lengths
    return exact >= means[rows] * (1 - ROUNDING)  # all of them where all are equal
