"""What backbones on a pretrained encoder have in common: its weights beside a head's, and where things are in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.freezing import Freeze, freeze_encoder
from safr_lens.backbones.lower_blocks import run_encoder
from safr_lens.backbones.protocol import Capabilities, Encoder


class HeadedEncoder(nn.Module):
    """An encoder's weights and a head; what is frozen of the encoder stays in evaluation mode, without dropout.

    Args:
        encoder: the encoder's module.
        head: reads its token vectors.
        trained: the modules of the encoder that are trained.
    """

    def __init__(self, encoder: nn.Module, head: nn.Module, *, trained: Sequence[nn.Module]) -> None:
        super().__init__()
        self.encoder, self.head, self.trained = encoder, head, list(trained)

    @property
    def cfg(self) -> Any:
        """The encoder's own configuration."""
        return self.encoder.config

    def train(self, mode: bool = True) -> HeadedEncoder:
        super().train(mode)
        self.encoder.eval()
        for part in self.trained:
            part.train(mode)
        return self


class HeadedAdapter:
    """The part of a backbone that is its encoder's.

    Args:
        encoder: on which it stands.
        freeze: which of its weights are not trained.
        exact: logits are an exact sum over the last MLP's neurons and the rest.
        signed: neurons can be below 0.
    """

    dropout_points = ()

    def __init__(self, encoder: Encoder, *, freeze: Freeze, exact: bool, signed: bool) -> None:
        self.encoder, self.freeze = encoder, freeze
        self.capabilities = Capabilities(
            exact_decomposition=exact,
            editable_patterns=encoder.editable_patterns,
            editable_scores=encoder.editable_scores,
            signed_neurons=signed,
        )
        self.trained = freeze_encoder(encoder, freeze)
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

    def vectors(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Return the encoder's token vectors."""
        return run_encoder(self.encoder, tokens, mask)

    @property
    def n_frozen(self) -> int:
        """How many of the lowest blocks are frozen while others are trained."""
        return self.freeze if isinstance(self.freeze, int) else 0

    def moved_to(self, device: torch.device, dtype: torch.dtype) -> None:
        self.encoder.moved_to(device, dtype)
