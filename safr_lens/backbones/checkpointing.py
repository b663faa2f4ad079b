"""Blocks of an encoder that are computed again in the backward pass instead of being kept: gradient checkpointing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from safr_lens.backbones.edits import Replay
from safr_lens.errors import HookError


@contextmanager
def checkpointed(blocks: Sequence[nn.Module]) -> Iterator[None]:
    """Keep only what enters the blocks of training passes inside a ``with`` block, and compute the rest again.

    Gradients are the same: the second pass repeats dropout, and the edits of the first. A user's hook in a block runs
    in it too.

    Raises:
        HookError: in the backward pass, where hooks in a block are others than in the forward pass.

    >>> blocks = [nn.Sequential(nn.Linear(2, 2), nn.ReLU())]
    >>> with checkpointed(blocks):
    ...     blocks[0](torch.ones(1, 2)).sum().backward()
    >>> blocks[0][0].weight.grad.shape
    torch.Size([2, 2])
    """
    for block in blocks:
        block.forward = _Checkpointed(block)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for block in blocks:
            del block.forward


class _Checkpointed:
    """Stands in for a block's ``forward``."""

    def __init__(self, block: nn.Module) -> None:
        self.block, self.forward = block, block.forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not (self.block.training and torch.is_grad_enabled()):
            return self.forward(*args, **kwargs)
        hooks = self._hooks()

        def compute(*args: Any, **kwargs: Any) -> Any:
            if self._hooks() != hooks:
                raise HookError(
                    "Hooks in the encoder changed between a forward pass and its backward pass, which computes the "
                    "blocks again (gradient_checkpointing). Call backward() inside the block that adds the hooks."
                )
            return self.forward(*args, **kwargs)

        contexts = (nullcontext(), Replay())
        return checkpoint(compute, *args, use_reentrant=False, context_fn=lambda: contexts, **kwargs)

    def _hooks(self) -> list[int]:
        kinds = [(one._forward_pre_hooks, one._forward_hooks) for one in self.block.modules()]
        return [id(hook) for pair in kinds for hooks in pair for hook in hooks.values()]
