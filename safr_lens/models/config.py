"""What a classifier is made of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from safr_lens.errors import ConfigError, near_matches

READOUTS = ("neurons", "residual")
ACT_FNS = ("relu", "gelu", "gelu_new", "silu", "solu_ln")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Sizes of the hooked backbone, of VMASK and of the readout, in TransformerLens's names.

    The defaults are the setting of the SAFR paper, with the readout through the neurons.

    Attributes:
        n_layers, d_model, n_heads, d_mlp, act_fn: the backbone; ``d_head`` is ``d_model / n_heads``.
        n_ctx: longest text in tokens.
        positional_embedding_type: TransformerLens's ``"shortformer"`` (positions are added to queries and keys only) or
            ``"standard"`` (added to the residual stream, where SAFR's neurons come to answer to positions instead of
            words: see docs/findings.md).
        embed_std: standard deviation of untrained token embeddings. TransformerLens's own (0.05 at d_model 256)
            drowns what the few updates of a rare word can change.
        d_vmask: hidden units of VMASK.
        dropout: share dropped at ``hook_embed``, ``hook_attn_out`` and ``hook_mlp_out`` in training.
        readout: ``"neurons"`` reads the class from the last MLP's output alone, ``"residual"`` from the whole
            residual stream.

    Raises:
        ConfigError: a value without meaning.
    """

    n_layers: int = 1
    d_model: int = 256
    n_heads: int = 8
    d_mlp: int = 1024
    act_fn: str = "relu"
    n_ctx: int = 128
    positional_embedding_type: str = "shortformer"
    embed_std: float = 0.02
    d_vmask: int = 1024
    dropout: float = 0.1
    readout: str = "neurons"

    def __post_init__(self) -> None:
        for name in ("n_layers", "d_model", "n_heads", "d_mlp", "n_ctx", "d_vmask"):
            check_number(name, getattr(self, name), low=1, whole=True)
        check_number("dropout", self.dropout, low=0.0, high=0.99)
        check_number("embed_std", self.embed_std, low=1e-9)
        check_choice("readout", self.readout, READOUTS)
        check_choice("act_fn", self.act_fn, ACT_FNS)
        check_choice("positional_embedding_type", self.positional_embedding_type, ("standard", "shortformer"))
        if self.d_model % self.n_heads:
            raise ConfigError(f"d_model ({self.d_model}) must be a multiple of n_heads ({self.n_heads}).")


def check_number(name: str, value: Any, *, low: float, high: float = float("inf"), whole: bool = False) -> None:
    """Raise a ConfigError unless ``value`` is a number (whole, if asked) in [low, high]."""
    kind = "a whole number" if whole else "a number"
    right_type = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, bool) or not right_type or not math.isfinite(value) or not low <= value <= high:
        bounds = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
        raise ConfigError(f"{name} must be {kind}, {bounds}; got {value!r}.")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise a ConfigError unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ConfigError(f"{name} must be one of {', '.join(choices)}; got {value!r}.{near_matches(value, choices)}")


def check_flag(name: str, value: Any) -> None:
    """Raise a ConfigError unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} must be true or false; got {value!r}.")


def strict_kwargs(cls: type, values: Mapping[str, Any], *, what: str) -> dict[str, Any]:
    """Return ``values`` as keyword arguments of a dataclass; an unknown key is an error with near matches."""
    known = [field.name for field in dataclasses.fields(cls)]
    for key in values:
        if key not in known:
            raise ConfigError(f"Unknown key {key!r} in {what}; known: {', '.join(known)}.{near_matches(key, known)}")
    return dict(values)
