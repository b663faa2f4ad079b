"""Running a model for its answers, not for its gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock

import torch
from torch import nn


@dataclass
class _Blocks:
    n: int = 0
    trained: list[nn.Module] = field(default_factory=list)


_lock = RLock()
_of_models: dict[nn.Module, _Blocks] = {}


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a model into evaluation mode without gradient, and each of its modules back where it was.

    Of several threads that do so at once, the last to leave puts the modules back.
    """
    with _lock:
        blocks = _of_models.setdefault(model, _Blocks())
        blocks.n += 1
        blocks.trained += [module for module in model.modules() if module.training]
        for module in blocks.trained:
            module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        with _lock:
            blocks.n -= 1
            if not blocks.n:
                del _of_models[model]
                for module in blocks.trained:
                    module.training = True
