"""The weights of a pretrained encoder beside those of what reads it."""

from __future__ import annotations

from typing import Any

from torch import nn


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
