"""Mean activations over a stream."""

from __future__ import annotations

from collections.abc import Iterable

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
    sums: dict[str, Tensor] = {}
    n_tokens = 0
    for batch in stream:
        for name in names:
            added = batch.activations[name].sum(0, dtype=torch.float64).cpu()
            sums[name] = sums[name] + added if name in sums else added
        n_tokens += len(batch.tokens)
    if shared:
        n_tokens = int(summed(torch.tensor(n_tokens)))
        parts = {name: gathered(sums.get(name, torch.empty(0, dtype=torch.float64))) for name in names}
        sums = {name: torch.stack([one for one in found if len(one)]).sum(0) for name, found in parts.items()}
    return {name: (total / n_tokens).float() for name, total in sums.items()}
