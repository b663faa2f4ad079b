"""All that the rest of the package may ask of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


@runtime_checkable
class Encoder(Protocol):
    """A pretrained network that turns tokens into token vectors, under TransformerLens's hook names.

    A neuron head reads its token vectors; a pretrained backbone reads its blocks too.

    Attributes:
        module: the network; its weights are a checkpoint's.
        hook_points: by name, the modules whose outputs can be read and edited.
        hookable: by name, all modules at which TransformerLens's hook API may add hooks.
        n_layers, d_model, n_ctx: sizes; ``n_ctx`` counts special tokens.
        blocks: the network's blocks, the lowest first.
        token_embedding: where the token embedding is, ahead of positions and norms.
        editable_patterns, editable_scores: a hook's change of attention patterns or scores reaches the token vectors.
    """

    module: nn.Module
    n_layers: int
    d_model: int
    n_ctx: int
    blocks: Sequence[nn.Module]
    token_embedding: str
    editable_patterns: bool
    editable_scores: bool

    @property
    def hook_points(self) -> Mapping[str, nn.Module]: ...

    @property
    def hookable(self) -> Mapping[str, nn.Module]: ...

    @property
    def embedder(self) -> nn.Module: ...

    @property
    def embedding(self) -> Float[Tensor, "d_vocab d_model"]:
        """The matrix of token embeddings; writing to it in place changes the network."""

    def attention_scores(self, layer: int) -> str:
        """Return where attention scores are, [batch head query key], ahead of the softmax."""

    def attention_pattern(self, layer: int) -> str:
        """Return where attention patterns are, [batch head query key]; rows sum to 1, in training too."""

    def residual(self, layer: int) -> str:
        """Return where the output of a block is, [batch pos d_model]; of the last, what :meth:`run` returns."""

    def run(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Return the token vectors; padding changes none of those at real tokens."""

    def text_positions(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Bool[Tensor, "batch pos"]:
        """Return which of the real tokens are of the text, and not special ones such as ``[CLS]``."""

    def moved_to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Note where the weights are now and what they are made of."""
