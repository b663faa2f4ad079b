"""Which weights of a pretrained encoder are not trained."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from safr_lens.backbones.protocol import Encoder
from safr_lens.checks import check_number
from safr_lens.errors import ConfigError
from safr_lens.visible import shown

Freeze = str | int


def check_freeze(freeze: object) -> None:
    """Raise a ConfigError unless ``freeze`` is ``"all"``, ``"none"`` or a number of blocks."""
    if isinstance(freeze, str) and freeze not in ("all", "none"):
        raise ConfigError(f"freeze must be all, none, or the number of lower blocks to freeze; got {shown(freeze)}.")
    if not isinstance(freeze, str):
        check_number("freeze", freeze, low=0, whole=True)


def freeze_encoder(encoder: Encoder, freeze: Freeze) -> list[nn.Module]:
    """Exclude weights of an encoder from training, and return the modules that are trained.

    Args:
        encoder: changed in place.
        freeze: ``"all"`` weights, ``"none"``, or those of so many of the lowest blocks and of all that is ahead of them
            (embeddings).

    Raises:
        ConfigError: anything else, or more blocks than there are.
    """
    check_freeze(freeze)
    if isinstance(freeze, str):
        encoder.module.requires_grad_(freeze == "none")
        return [encoder.module] if freeze == "none" else []
    if freeze > encoder.n_layers:
        raise ConfigError(
            f"freeze is {freeze}, but the encoder has {encoder.n_layers} blocks; use at most that, or all to freeze "
            "whatever is behind them, too."
        )
    encoder.module.requires_grad_(True)
    first = next(encoder.blocks[0].parameters())
    for parameter in itertools.takewhile(lambda one: one is not first, encoder.module.parameters()):
        parameter.requires_grad_(False)
    for block in encoder.blocks[:freeze]:
        block.requires_grad_(False)
    return list(encoder.blocks[freeze:])


@contextmanager
def left_alone(encoder: Encoder) -> Iterator[None]:
    """Train no weight of an encoder and leave its dropout out, for the length of a ``with`` block in a training."""
    trained = [weight for weight in encoder.module.parameters() if weight.requires_grad]
    encoder.module.requires_grad_(False).eval()
    try:
        yield
    finally:
        for weight in trained:
            weight.requires_grad_(True)
