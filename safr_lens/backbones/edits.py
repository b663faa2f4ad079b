"""Hook points read and edited during a forward pass, around the user's own hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from torch import Tensor, nn

Edit = Callable[[Tensor], Tensor | None]


@dataclass
class Edits:
    """Functions of a hook point's value, which return another value or None.

    Attributes:
        before: run ahead of the hooks already there, so that a user sees, caches and patches what the model really
            uses.
        after: run behind them and see what the user made of it.
        inputs: see what enters a module.
    """

    before: list[tuple[str, Edit]] = field(default_factory=list)
    after: list[tuple[str, Edit]] = field(default_factory=list)
    inputs: list[tuple[nn.Module, Edit]] = field(default_factory=list)

    @contextmanager
    def applied(self, points: Mapping[str, nn.Module]) -> Iterator[None]:
        """Apply the edits for the length of a block.

        PyTorch's own handles are used, since leaving a TransformerLens context of the same level would take the user's
        hooks along.
        """
        handles = []
        try:
            for name, edit in self.before:
                handles.append(points[name].register_forward_hook(_as_torch_hook(edit), prepend=True))
            for name, edit in self.after:
                handles.append(points[name].register_forward_hook(_as_torch_hook(edit)))
            for module, look in self.inputs:
                handles.append(module.register_forward_pre_hook(lambda module, args, look=look: look(args[0])))
            yield
        finally:
            for handle in handles:
                handle.remove()


def _as_torch_hook(edit: Edit) -> Callable[[nn.Module, tuple, Tensor], Tensor | None]:
    return lambda module, inputs, output: edit(output)
