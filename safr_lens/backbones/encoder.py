"""All that the rest of the package may ask of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.network import Network


@runtime_checkable
class Encoder(Network, Protocol):
    """A pretrained network that turns tokens into token vectors, under TransformerLens's hook names.

    A neuron head reads its token vectors; a pretrained backbone reads its blocks too.

    Attributes:
        blocks: the network's blocks, the lowest first.
        editable_patterns, editable_scores: a hook's change of attention patterns or scores reaches the token vectors.
    """

    blocks: Sequence[nn.Module]
    editable_patterns: bool
    editable_scores: bool

    def attention_pattern(self, layer: int) -> str:
        """Return where attention patterns are, [batch head query key]; rows sum to 1, in training too."""

    def residual(self, layer: int) -> str:
        """Return where the output of a block is, [batch pos d_model]; of the last, what :meth:`run` returns."""

    def run(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Return the token vectors; padding changes none of those at real tokens."""


def encoder_of(adapter: object) -> Encoder | None:
    """Return the pretrained encoder that a backbone stands on, if it does."""
    return getattr(adapter, "encoder", None)
