"""Which of the transformers built from a configuration the installed TransformerLens has."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from torch import Tensor

HOOKED_TRANSFORMER, NATIVE_BRIDGE = "hooked_transformer", "native_bridge"
NO_WEIGHTS = (".attn.mask", ".attn.IGNORE")  # constants that HookedTransformer keeps beside its weights


def has_hooked_transformer() -> bool:
    """Return whether TransformerLens still has ``HookedTransformer``: up to version 3."""
    return int(version("transformer-lens").split(".")[0]) < 4


def default_backbone() -> str:
    """Return the kind of a configuration that names none."""
    return HOOKED_TRANSFORMER if has_hooked_transformer() else NATIVE_BRIDGE


def readable_here(backbone: str) -> str:
    """Return the kind as which a checkpoint's weights are opened: the native bridge in place of a missing class."""
    return default_backbone() if backbone == HOOKED_TRANSFORMER else backbone


def weights_as(backbone: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint that this kind has; weights have the same names and shapes in both."""
    return {name: value for name, value in state.items() if backbone != NATIVE_BRIDGE or not name.endswith(NO_WEIGHTS)}
