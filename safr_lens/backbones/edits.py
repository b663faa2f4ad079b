"""Hook points read and edited during a forward pass, around the user's own hooks and in one thread alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import MappingProxyType

from torch import Tensor, nn

from safr_lens.backbones.hook_points import HookPoint
from safr_lens.errors import ConfigError

Edit = Callable[[Tensor], Tensor | None]


@dataclass
class Edits:
    """Functions of a hook point's value, which return another value or None; those of one point run as listed.

    Attributes:
        before: run ahead of the hooks of the point, so that a user sees, caches and patches what the model really uses.
        after: run behind them and see what the user made of it.
    """

    before: list[tuple[str, Edit]] = field(default_factory=list)
    after: list[tuple[str, Edit]] = field(default_factory=list)

    @contextmanager
    def applied(self, points: Mapping[str, nn.Module]) -> Iterator[None]:
        """Apply the edits to one forward pass, behind those of the blocks around it; other threads see none of them."""
        token = _of_pass.set(_joined([*_around.get(), (self, points)]))
        try:
            yield
        finally:
            _of_pass.reset(token)

    @contextmanager
    def around(self, points: Mapping[str, nn.Module]) -> Iterator[None]:
        """Apply the edits to all forward passes that this thread begins inside a block."""
        token = _around.set((*_around.get(), (self, points)))
        try:
            yield
        finally:
            _around.reset(token)


@dataclass(frozen=True)
class _OfPoint:
    before: list[Edit] = field(default_factory=list)
    after: list[Edit] = field(default_factory=list)


Placed = tuple[Edits, Mapping[str, nn.Module]]
_around: ContextVar[tuple[Placed, ...]] = ContextVar("edits of the blocks around", default=())
_of_pass: ContextVar[Mapping[nn.Module, _OfPoint]] = ContextVar(
    "edits of the pass that runs", default=MappingProxyType({})
)


class Replay:
    """The edits of the pass that runs, applied again inside a ``with`` block, in whatever thread that is.

    For parts of the pass that are computed a second time when it is over, as in gradient checkpointing.
    """

    def __init__(self) -> None:
        self._edits = _of_pass.get()

    def __enter__(self) -> None:
        self._token = _of_pass.set(self._edits)

    def __exit__(self, *error: object) -> None:
        _of_pass.reset(self._token)


class EditableHookPoint(HookPoint):
    """A hook point that knows the edits of the pass that runs in its thread.

    They are no PyTorch hooks, which would belong to the module and so to all threads.
    """

    def __call__(self, value: Tensor) -> Tensor:
        edits = _of_pass.get().get(self)
        if edits is None:
            return super().__call__(value)
        value = super().__call__(_edited(value, edits.before))
        return _edited(value, edits.after)


def make_editable(points: Iterable[nn.Module]) -> None:
    """Turn hook points into editable ones, in place; their hooks stay.

    Raises:
        ConfigError: another kind of module.

    >>> point = HookPoint()
    >>> make_editable([point])
    >>> with Edits(after=[("here", lambda value: value + 1)]).applied({"here": point}):
    ...     point(1)
    2
    >>> point(1)
    1
    """
    for point in points:
        if type(point) not in (HookPoint, EditableHookPoint):
            raise ConfigError(f"A backbone's hook points are TransformerLens's HookPoint; got {type(point).__name__}.")
        point.__class__ = EditableHookPoint


def is_edited(point: nn.Module) -> bool:
    """Whether the blocks around edit a hook point."""
    return point in _joined(_around.get())


def edits_of(point: nn.Module) -> tuple[Edit, ...]:
    """Return the edits of a hook point in the pass that runs."""
    edits = _of_pass.get().get(point)
    return () if edits is None else (*edits.before, *edits.after)


def _joined(placed: Iterable[Placed]) -> dict[nn.Module, _OfPoint]:
    joined: dict[nn.Module, _OfPoint] = {}
    for edits, points in placed:
        for name, edit in edits.before:
            joined.setdefault(points[name], _OfPoint()).before.append(edit)
        for name, edit in edits.after:
            joined.setdefault(points[name], _OfPoint()).after.append(edit)
    return joined


def _edited(value: Tensor, edits: Iterable[Edit]) -> Tensor:
    for edit in edits:
        new = edit(value)
        value = value if new is None else new
    return value
