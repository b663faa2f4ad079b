"""The recipe of the authors' release, written from the equations in ``docs/deviations.md`` and ``safr_lens.penalty``.

Every text is padded to 128 tokens, blocks are post-norm with plain attention, the terms count padded positions, and
nothing is done to make it fast or slow: eager PyTorch as one would write it first.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from safr_lens import ModelConfig


class ReleaseClassifier(nn.Module):
    """VMASK's gate at the embedding, post-norm blocks, the mean over all positions."""

    def __init__(self, config: ModelConfig, *, d_vocab: int, n_classes: int) -> None:
        super().__init__()
        c = config
        self.embed, self.positions = nn.Embedding(d_vocab, c.d_model), nn.Embedding(c.n_ctx, c.d_model)
        self.vmask = nn.Sequential(nn.Linear(c.d_model, c.d_vmask), nn.Tanh(), nn.Linear(c.d_vmask, 2))
        self.blocks = nn.ModuleList(_PostNorm(c) for _ in range(c.n_layers))
        self.readout, self.dropout = nn.Linear(c.d_model, n_classes), nn.Dropout(c.dropout)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, the gated embedding and the first layer's attention."""
        x = self.embed(tokens)
        gated = x * F.gumbel_softmax(self.vmask(x), hard=True)[..., 1:]
        x, patterns = self.dropout(gated + self.positions.weight[: tokens.shape[1]]), []
        for block in self.blocks:
            x, pattern = block(x)
            patterns.append(pattern)
        return self.readout(x.mean(1)), gated, patterns[0]


class _PostNorm(nn.Module):
    def __init__(self, c: ModelConfig) -> None:
        super().__init__()
        self.n_heads = c.n_heads
        self.q, self.k, self.v, self.o = (nn.Linear(c.d_model, c.d_model) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(c.d_model, c.d_mlp), nn.ReLU(), nn.Linear(c.d_mlp, c.d_model))
        self.ln1, self.ln2, self.dropout = nn.LayerNorm(c.d_model), nn.LayerNorm(c.d_model), nn.Dropout(c.dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        q, k, v = (part(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in (self.q, self.k, self.v))
        pattern = (q @ k.transpose(2, 3) / math.sqrt(q.shape[-1])).softmax(-1)
        x = self.ln1(x + self.dropout(self.o((pattern @ v).transpose(1, 2).flatten(2))))
        return self.ln2(x + self.dropout(self.mlp(x))), pattern


def release_loss(model: ReleaseClassifier, tokens: Tensor, labels: Tensor) -> Tensor:
    """Return cross-entropy, importance and interaction, over all positions."""
    logits, x, pattern = model(tokens)
    others = 1 - torch.eye(tokens.shape[1])
    unit = x / (1e-5 + x.norm(dim=-1, keepdim=True))
    shared = (unit @ x.transpose(1, 2)) * others
    importance = (shared.norm(dim=-1) / math.sqrt(x.shape[-1])).mean()
    similarity = (pattern @ pattern.transpose(2, 3)) * others
    interaction = (pattern * (1 - similarity)).mean()
    return F.cross_entropy(logits, labels) + importance + interaction
