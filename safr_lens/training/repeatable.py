"""One seed, one result: on one machine, with the same number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Use deterministic algorithms, and leave the caller's random state and choice of algorithms as they were.

    Without it, the gradient of the token embedding is summed in the order in which threads happen to finish. On CUDA,
    some operations have no deterministic form unless ``CUBLAS_WORKSPACE_CONFIG=:4096:8`` is set; PyTorch warns of them.
    """
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    deterministic: Any = torch.utils.deterministic  # a module with a setting that type checkers cannot see
    filled = deterministic.fill_uninitialized_memory
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.use_deterministic_algorithms(True, warn_only=True)
        deterministic.fill_uninitialized_memory = False
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before[0], warn_only=before[1])
            deterministic.fill_uninitialized_memory = filled


def mixed_seed(*numbers: int) -> int:
    """Return one seed for several numbers, such as those of a run and an epoch."""
    mixed = 0
    for number in numbers:
        mixed = (mixed * 1_000_003 + number) % (2**63 - 1)
    return mixed
