"""Which texts the faithfulness is measured on: evenly spaced ones, as many as are affordable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from jaxtyping import Int
from torch import Tensor

FORWARD_TOKENS = 5_000_000  # about two minutes of two CPU cores
MOST, LEAST, MOST_BOUNDED = 100, 10, 20


def evenly_spaced(n: int, n_texts: int) -> list[int]:
    """Return the numbers of n texts, evenly spaced, since rows may be sorted by class.

    >>> evenly_spaced(3, 10)
    [0, 3, 7]
    """
    return [round(i * n_texts / n) for i in range(n)] if n < n_texts else list(range(n_texts))


def rows_at(data: Iterable[dict[str, Any]], numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Return rows of data in the order of their numbers; the data is read once."""
    wanted = set(numbers)
    found = {number: row for number, row in enumerate(data) if number in wanted}
    return [found[number] for number in numbers]


def affordable(lengths: Int[Tensor, " n_texts"], n_asked: int | None = None) -> tuple[list[int], int]:
    r"""Return the numbers of texts to delete tokens of, and how many of the first get a normalised AOPC.

    A text of n tokens takes 6 n forward passes (its ranking and five random ones), so about :math:`6 n^2` tokens. The
    bounds of its normalised AOPC take about :math:`5 n^3`: a beam of 5 deletes every token of 5 texts at each of n
    steps, for the best and for the worst order. Either sum over the chosen texts stays within 5 million tokens. One
    long text costs as much as hundreds of short ones, so the mean length says little.

    Texts whose bounds are affordable come first; none get bounds where most of the texts are too long for that.

    Args:
        lengths: of all texts, in tokens.
        n_asked: how many texts the user asks for; None for as many as are affordable, from 10 to 100.

    >>> import torch
    >>> affordable(torch.tensor([5, 200, 5, 5]))
    ([0, 2, 3, 1], 3)
    """
    sizes = lengths.double()
    if n_asked is None:
        deletions = ((n, 6 * (sizes[evenly_spaced(n, len(sizes))] ** 2).sum()) for n in range(MOST, LEAST, -1))
        n_asked = next((n for n, cost in deletions if cost <= FORWARD_TOKENS), LEAST)
    chosen = evenly_spaced(n_asked, len(sizes))
    costs = {number: 5 * sizes[number].item() ** 3 for number in chosen}
    bounded: list[int] = []
    if sum(cost <= FORWARD_TOKENS for cost in costs.values()) > len(chosen) / 2:
        left: float = FORWARD_TOKENS
        for number, cost in costs.items():
            if cost <= left and len(bounded) < MOST_BOUNDED:
                bounded.append(number)
                left -= cost
    return bounded + [number for number in chosen if number not in bounded], len(bounded)
