"""What is the same however tokens come in batches: a random sample of them, and activations without rounding error."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

BITS = 17


def token_draws(
    example: Int[Tensor, " n_tokens"], positions: Int[Tensor, " n_tokens"], *, seed: int
) -> Int[Tensor, " n_tokens"]:
    """Draw a number in [0, 2^63) for each token, on the CPU, from the seed and from where the token stands alone.

    It stands in text number ``example`` of the data, at one of ``positions``.

    >>> first = token_draws(torch.tensor([0, 0, 1]), torch.tensor([0, 1, 0]), seed=0)
    >>> again = token_draws(torch.tensor([1, 0]), torch.tensor([0, 1]), seed=0)
    >>> again.tolist() == [first[2], first[1]]
    True
    """
    state = _mixed(np.array([seed % 2**64], dtype=np.uint64))
    for part in (example, positions):
        state = _mixed(state + part.cpu().numpy().astype(np.uint64))
    return torch.from_numpy((state >> np.uint64(1)).astype(np.int64))


class DrawnSample:
    """Rows with the ``n`` smallest draws of all that are added: a sample without replacement, in any batches.

    Up to ``2 n`` rows are held.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._bound = torch.iinfo(torch.int64).max
        self._pieces: list[tuple[Tensor, ...]] = []
        self._n_held = 0

    def add(self, draws: Int[Tensor, " n_rows"], *columns: Tensor) -> None:
        """Add rows: their draws, and whatever is to be kept of them, by column."""
        low = draws < self._bound
        self._pieces.append(tuple(column[low.to(column.device)].cpu() for column in (draws, *columns)))
        self._n_held += int(low.sum())
        # seldom, since every time all that is held is copied
        if self._n_held >= 2 * self.n:
            self._drop()

    def columns(self, n: int | None = None) -> tuple[Tensor, ...]:
        """Return the columns of the rows with the (at most) ``n`` smallest draws, in the order of the draws."""
        self._drop()
        return tuple(column[:n] for column in self._pieces[0][1:])

    def _drop(self) -> None:
        joined = [torch.cat(columns) for columns in zip(*self._pieces, strict=True)]
        order = joined[0].argsort()[: self.n]
        self._pieces = [tuple(column[order] for column in joined)]
        self._n_held = len(order)
        if self._n_held == self.n:
            self._bound = int(self._pieces[0][0][-1])


def leading_digits(values: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Round to the 17 leading bits, some five digits.

    Where a neuron does the same at two words, or at one word in two batches, sums in another order differ in the
    seventh digit. Whatever compares activations would take that for a difference.

    >>> leading_digits(torch.tensor([1.0, 1.0 + 1e-6, 1.0 + 1e-4])).diff() > 0
    tensor([False,  True])
    """
    mantissa, exponent = torch.frexp(values)
    return ((mantissa * 2**BITS).round() * torch.pow(2.0, (exponent - BITS).double())).to(values.dtype)


def _mixed(state: np.ndarray) -> np.ndarray:
    # the output function of SplitMix64: neighbouring numbers become unrelated ones; uint64 arrays wrap around
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
