"""Null baselines: how many permutations, with which seeds; computed where they are needed, not kept in memory."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from safr_lens.checks import check_seed

N_TYPE_PERMUTATIONS = 9
N_LABEL_PERMUTATIONS = 10
N_RANDOM_RANKINGS = 5
N_PROBE_SHUFFLES = 5
ROUNDS = 4
ODD = 0x2545F4914F6CDD1D
LOW = (1 << 31) - 1


def permutation_seed(seed: int, number: int) -> int:
    """Return the seed of one of the permutations that belong to a seed."""
    check_seed(seed)
    return seed * 1000 + number


def shuffled(index: Int[Tensor, " n_numbers"], n: int, *, seed: int) -> Int[Tensor, " n_numbers"]:
    """Return where a random permutation of 0..n-1 sends each of some numbers.

    The permutation is a keyed Feistel network on the next even number of bits, walked until it is back below n, so it
    is exact (every number is met once) and needs no memory: processes and passes that see other parts of a corpus use
    the same one.

    Args:
        index: numbers from 0 to n - 1.
        n: size of the permutation.
        seed: which permutation.

    Raises:
        ValueError: a number outside the range.

    >>> order = shuffled(torch.arange(10), 10, seed=0)
    >>> sorted(order.tolist()) == list(range(10)), bool((order == torch.arange(10)).all())
    (True, False)
    """
    if index.numel() and not 0 <= int(index.min()) <= int(index.max()) < n:
        raise ValueError(f"Expected numbers from 0 to {n - 1}; got {int(index.min())} to {int(index.max())}.")
    return shuffles(index, n, seeds=[seed])[0]


def shuffles(index: Int[Tensor, " n_numbers"], n: int, *, seeds: Sequence[int]) -> Int[Tensor, "n_seeds n_numbers"]:
    """Return what :func:`shuffled` gives for each of some seeds: cheaper together than one by one.

    >>> bool((shuffles(torch.arange(10), 10, seeds=[3, 4])[1] == shuffled(torch.arange(10), 10, seed=4)).all())
    True
    """
    half = max(3, ((n - 1).bit_length() + 1) // 2)  # smaller networks know few permutations
    keys = torch.tensor([_keys(seed) for seed in seeds], device=index.device).T
    value = _network(index.long().expand(len(seeds), -1), keys.unsqueeze(2), half)
    row, column = (value >= n).nonzero(as_tuple=True)
    while len(row):
        walked = _network(value[row, column], keys[:, row], half)
        value[row, column] = walked
        outside = walked >= n
        row, column = row[outside], column[outside]
    return value


def spread(
    places: Int[Tensor, " n_numbers"], n: int, n_permutations: int, *, seed: int
) -> Int[Tensor, "n_permutations n_numbers"]:
    """Return further permutations of the places that one permutation gives: random affine maps modulo n.

    Far cheaper than as many networks, and enough to give groups of neurons nulls of their own: with one permutation for
    all neurons, the luck of the draw would be the same for all and not average out.

    >>> orders = spread(torch.arange(10), 10, 3, seed=0)
    >>> [sorted(row) == list(range(10)) for row in orders.tolist()]
    [True, True, True]
    """
    factors, offsets = _affine_maps(n, n_permutations, seed)
    return (places * factors.to(places.device) + offsets.to(places.device)) % n


@functools.lru_cache(maxsize=64)
def _affine_maps(n: int, n_maps: int, seed: int) -> tuple[Int[Tensor, "n_maps 1"], Int[Tensor, "n_maps 1"]]:
    generator = torch.Generator().manual_seed(seed)
    factors: list[list[int]] = []
    offsets = torch.randint(n, (n_maps, 1), generator=generator)
    while len(factors) < n_maps:
        factor = int(torch.randint(1, n + 1, (), generator=generator))
        if math.gcd(factor, n) == 1:
            factors.append([factor])
    return torch.tensor(factors), offsets


def _keys(seed: int) -> list[int]:
    return torch.randint(1, 2**62, (ROUNDS,), generator=torch.Generator().manual_seed(seed)).tolist()


def _network(value: Tensor, keys: Int[Tensor, "rounds ..."], half: int) -> Tensor:
    low = (1 << half) - 1
    left, right = value >> half, value & low
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ (key & low), key) & low)
    return (left << half) | right


def _mixed(value: Tensor, key: Tensor) -> Tensor:
    value = value * ODD + key  # wraps around, as hashing wants it
    value = value ^ ((value >> 29) & LOW)
    value = value * ODD
    return (value >> 32) & LOW
