"""Frozen lower blocks of an encoder that need not run, where what they would make is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.backbones.protocol import Encoder

# gives what the lower blocks make of a batch, or None where it does not know that and they have to run
KnownOutputs = Callable[[Tensor, Tensor], Tensor | None]


def run_encoder(
    encoder: Encoder, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos d_model"]:
    """Return the token vectors of an encoder, whose lower blocks do not run inside a :func:`passed_over` block."""
    known = _known.get().get(encoder)
    token = _entering.set(None if known is None else known(tokens, mask))
    try:
        return encoder.run(tokens, mask)
    finally:
        _entering.reset(token)


@contextmanager
def passed_over(encoder: Encoder, n_blocks: int, known: KnownOutputs) -> Iterator[None]:
    """Let known outputs take the place of an encoder's lowest blocks, for a ``with`` block and in this thread alone.

    What hook points in them see then means nothing.

    Args:
        encoder: whose weights are frozen up to there.
        n_blocks: how many of them, fewer than there are.
        known: gives what the last of them makes.
    """
    blocks = encoder.blocks[: n_blocks + 1]
    before = [vars(block).get("forward") for block in blocks]
    for number, block in enumerate(blocks):
        block.forward = _PassedOver(block.forward, entered=number == n_blocks)  # type: ignore[method-assign]
    token = _known.set({**_known.get(), encoder: known})
    try:
        yield
    finally:
        _known.reset(token)
        for block, forward in zip(blocks, before, strict=True):
            del block.forward
            if forward is not None:
                block.forward = forward  # type: ignore[method-assign]


class _PassedOver:
    """Stands in for the ``forward`` of a lower block, or of the first that runs (``entered``)."""

    def __init__(self, forward: Callable[..., Any], *, entered: bool) -> None:
        self.forward, self.entered = forward, entered

    def __call__(self, value: Tensor, *args: Any, **kwargs: Any) -> Any:
        entering = _entering.get()
        if entering is None:
            return self.forward(value, *args, **kwargs)
        return self.forward(entering, *args, **kwargs) if self.entered else value


_known: ContextVar[Mapping[Encoder, KnownOutputs]] = ContextVar(
    "known outputs of lower blocks", default=MappingProxyType({})
)
_entering: ContextVar[Tensor | None] = ContextVar("what enters the lowest block that runs", default=None)
