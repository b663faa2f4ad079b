"""What the environment says of a launch (``accelerate launch``, ``torchrun``), before any large library is imported."""

from __future__ import annotations

import os


def n_launched() -> int:
    """Return how many processes were launched together."""
    return int(os.environ.get("WORLD_SIZE", 1))


def speaks() -> bool:
    """Whether this is the process that prints what all have found."""
    return n_launched() == 1 or os.environ.get("RANK", "0") == "0"
