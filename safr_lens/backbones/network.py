"""What backbones and pretrained encoders have in common, to the rest of the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn


class Network(Protocol):
    """A network of blocks of attention and MLP over tokens, and where in it things are.

    Names are those of hook points, all of them keys of ``hook_points``; layers count from 0.

    Attributes:
        module: the network; its weights are a checkpoint's.
        hook_points: by name, the modules whose outputs can be read and edited.
        hookable: by name, all modules at which TransformerLens's hook API may add hooks.
        n_layers, d_model, n_ctx: sizes; ``n_ctx`` counts special tokens.
        token_embedding: where the token embedding is, ahead of positions and norms.
        embedder: the module that looks tokens up.
    """

    module: nn.Module
    n_layers: int
    d_model: int
    n_ctx: int
    token_embedding: str

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
        """Return where attention patterns are, [batch head query key]."""

    def text_positions(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Bool[Tensor, "batch pos"]:
        """Return which of the real tokens are of the text, and not special ones such as ``[CLS]``."""

    def moved_to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Note where the weights are now and what they are made of."""
