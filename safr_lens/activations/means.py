"""Mean activations over a stream."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.processes import gathered, summed


def averaged(
    stream: Iterable[ActivationBatch], names: list[str], *, shared: bool = False
) -> dict[str, Float[Tensor, " d_mlp"]]:
    """Return the mean activations of some hook points over the tokens of a stream.

    Where it is ``shared``, each process reads its part of the stream, and all get the mean over the whole.
    """
    means = RunningMeans(names)
    for batch in stream:
        means.add(batch)
    return means.result(shared=shared)


class RunningMeans:
    """Mean activations of some hook points over the tokens so far.

    Args:
        names: of hook points with a row a token.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.sums, self.n_tokens = names, dict[str, Tensor](), 0

    def add(self, batch: ActivationBatch) -> None:
        """Add the tokens of a batch."""
        for name in self.names:
            added = batch.activations[name].sum(0, dtype=torch.float64).cpu()
            self.sums[name] = self.sums[name] + added if name in self.sums else added
        self.n_tokens += len(batch.tokens)

    def result(self, *, shared: bool) -> dict[str, Float[Tensor, " d_mlp"]]:
        """Return the means; where they are ``shared``, of the tokens of all processes, which all must call it."""
        sums, n_tokens = self.sums, self.n_tokens
        if shared:
            n_tokens = int(summed(torch.tensor(n_tokens)))
            parts = {name: gathered(sums.get(name, torch.empty(0, dtype=torch.float64))) for name in self.names}
            sums = {name: torch.stack([one for one in values if len(one)]).sum(0) for name, values in parts.items()}
        return {name: (total / n_tokens).float() for name, total in sums.items()}
