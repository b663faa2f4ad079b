"""What backbones on a pretrained encoder have in common: its weights beside a head's, and where things are in it."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.encoder import Encoder


class HeadedEncoder(nn.Module):
    """An encoder's weights and a head; what is frozen as a whole stays in evaluation mode, without dropout."""

    def __init__(self, encoder: nn.Module, head: nn.Module, *, frozen: bool) -> None:
        super().__init__()
        self.encoder, self.head, self.frozen = encoder, head, frozen

    @property
    def cfg(self) -> Any:
        """The encoder's own configuration."""
        return self.encoder.config

    def train(self, mode: bool = True) -> HeadedEncoder:
        super().train(mode)
        if self.frozen:
            self.encoder.eval()
        return self


class HeadedAdapter:
    """The part of a backbone that is its encoder's.

    Args:
        encoder: on which it stands.
    """

    dropout_points = ()

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.d_model, self.n_ctx, self.token_embedding = encoder.d_model, encoder.n_ctx, encoder.token_embedding
        self.hook_points, self.hookable = encoder.hook_points, encoder.hookable

    @property
    def embedder(self) -> nn.Module:
        return self.encoder.embedder

    @property
    def embedding(self) -> Float[Tensor, "d_vocab d_model"]:
        return self.encoder.embedding

    def text_positions(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Bool[Tensor, "batch pos"]:
        return self.encoder.text_positions(tokens, mask)

    def moved_to(self, device: torch.device, dtype: torch.dtype) -> None:
        self.encoder.moved_to(device, dtype)
