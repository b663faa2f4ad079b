"""The best and the worst AOPC that any order of deletion reaches, and where an order lies between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

Drops = Callable[[list[frozenset[int]]], list[float]]
EXACT_UP_TO = 10
SAME = 1e-6


@dataclass(frozen=True)
class Bounds:
    """AOPC of the worst and of the best order of one text, and whether all orders were considered."""

    lower: float
    upper: float
    exact: bool


# yields sets, gets what each costs
Search = Generator[list[frozenset[int]], list[float], Bounds]


def aopc_bounds(drops: Drops, n_tokens: int, *, beam: int = 5, exact_up_to: int = EXACT_UP_TO) -> Bounds:
    r"""Smallest and largest AOPC over all orders in which the tokens of a text can be deleted.

    The AOPC of an order is a sum over the sets of tokens that are gone after each step, so the best order is the
    longest path from nothing deleted to all deleted. Keeping the best path to each set is exact, with :math:`2^N`
    sets; longer texts keep the ``beam`` best sets of each size alone. A beam finds orders that exist, so its bounds
    lie within the true ones, and an order may lie beyond them.

    Args:
        drops: returns for sets of deleted positions how much f loses, :math:`f(x) - f(x \setminus s)`.
        n_tokens: N, at least 1.
        beam: how many sets of each size are kept in a text of more than ``exact_up_to`` tokens.
        exact_up_to: longest text, in tokens, of which all sets are considered.

    Raises:
        ValueError: a text without tokens, or a beam without width.

    Source: Edin et al. 2024 (arXiv 2408.08137), who go through all orders where this goes through all sets.

    >>> weights = [0.5, 0.25]
    >>> aopc_bounds(lambda sets: [sum(weights[i] for i in deleted) for deleted in sets], 2)
    Bounds(lower=0.5, upper=0.625, exact=True)
    """
    (found,) = searched(
        [bounds_search(n_tokens, beam=beam, exact_up_to=exact_up_to)], lambda asked: [drops(*asked.values())]
    )
    return found


def bounds_search(n_tokens: int, *, beam: int = 5, exact_up_to: int = EXACT_UP_TO) -> Search:
    """Return the search behind :func:`aopc_bounds`, which asks for what sets of deleted positions cost, step by step.

    The best and the worst order are looked for in step, since they often ask for the same sets.
    """
    if n_tokens < 1 or beam < 1:
        raise ValueError(f"aopc_bounds needs a token and a beam of at least 1; got {n_tokens} tokens and beam {beam}.")
    exact = n_tokens <= exact_up_to

    def search() -> Search:
        best = {sign: {frozenset[int](): 0.0} for sign in (1, -1)}
        for _ in range(n_tokens):
            reached = {sign: _grown(paths, n_tokens) for sign, paths in best.items()}
            asked = list(dict.fromkeys(deleted for paths in reached.values() for deleted in paths))
            drops = dict(zip(asked, (yield asked), strict=True))
            for sign, paths in reached.items():
                totals = [(total + sign * drops[deleted], deleted) for deleted, total in paths.items()]
                totals.sort(key=lambda pair: -pair[0])
                best[sign] = {deleted: total for total, deleted in totals[: None if exact else beam]}
        upper, lower = (sign * max(paths.values()) / n_tokens for sign, paths in best.items())
        return Bounds(lower, upper, exact)

    return search()


def searched(
    searches: Sequence[Search],
    drops: Callable[[dict[int, list[frozenset[int]]]], Iterable[list[float]]],
    on_found: Callable[[], None] = lambda: None,
) -> list[Bounds]:
    """Run several searches in step, so that what they ask for is computed together.

    Args:
        searches: of texts.
        drops: returns for what each of some searches asks for, by its number, what these sets cost.
        on_found: called at the end of each search.
    """
    found: dict[int, Bounds] = {}
    asked = {number: next(search) for number, search in enumerate(searches)}
    while asked:
        answers, asked = zip(asked, drops(asked), strict=True), {}
        for number, values in answers:
            try:
                asked[number] = searches[number].send(values)
            except StopIteration as end:
                found[number] = end.value
                on_found()
    return [found[number] for number in range(len(searches))]


def _grown(paths: dict[frozenset[int], float], n_tokens: int) -> dict[frozenset[int], float]:
    """Return all sets with one position more, each with the largest sum of a path to it."""
    reached: dict[frozenset[int], float] = {}
    for deleted, total in paths.items():
        for position in range(n_tokens):
            if position not in deleted:
                grown = deleted | {position}
                reached[grown] = max(total, reached.get(grown, -math.inf))
    return reached


def normalised_aopc(
    aopc: Float[Tensor, " n"], lower: Float[Tensor, " n"], upper: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    r"""Where an AOPC lies between the worst and the best order of its text and model.

    .. math:: NAOPC = \frac{AOPC - AOPC_{lower}}{AOPC_{upper} - AOPC_{lower}}

    Range [0, 1] with exact bounds; **higher is more faithful**, 1 for the best order of all, and comparable across
    models. With bounds from a beam search a value may lie beyond, and is left there. A random order lies between, not
    at 0 and not always at 1/2. Use 50 texts or more.

    Args:
        aopc: of the order that is tested.
        lower, upper: of the worst and the best order (:func:`aopc_bounds`).

    Returns:
        One value a text; NaN where the bounds differ by less than 1e-6 (a text of one token has one order), where
        rounding would decide.

    Source: Edin et al. 2024 (arXiv 2408.08137).

    >>> import torch
    >>> normalised_aopc(torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.5]), torch.tensor([0.75, 0.5]))
    tensor([0.5000,    nan])
    """
    span = upper - lower
    return ((aopc - lower) / span).masked_fill(span < SAME, float("nan"))
