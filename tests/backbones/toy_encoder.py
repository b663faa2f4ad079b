"""An encoder from outside the package, and a neuron head on it."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import nn

from safr_lens.backbones import register_backbone
from safr_lens.backbones.hook_points import HookPoint
from safr_lens.backbones.neuron_head import NeuronHead, NeuronHeadAdapter


class EncoderBlock(nn.Module):
    """Attention without queries and keys, behind which dropout stands."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.value = nn.Linear(d_model, d_model)
        self.drop = nn.Dropout(0.5)
        self.scores, self.pattern, self.residual = HookPoint(), HookPoint(), HookPoint()

    def forward(self, x, mask):
        scores = (x @ x.transpose(1, 2) / x.shape[-1]).unsqueeze(1)
        pattern = self.pattern(self.scores(scores.masked_fill(~mask[:, None, None], -torch.inf)).softmax(-1))
        return self.residual(x + self.drop(pattern[:, 0] @ self.value(x)))


class EncoderNetwork(nn.Module):
    def __init__(self, d_model: int, d_vocab: int, n_layers: int) -> None:
        super().__init__()
        self.config = SimpleNamespace(d_model=d_model)
        self.lookup, self.words = nn.Embedding(d_vocab, d_model), HookPoint()
        self.layers = nn.ModuleList(EncoderBlock(d_model) for _ in range(n_layers))
        self.runs = 0

    def forward(self, tokens, mask):
        self.runs += 1
        x = self.words(self.lookup(tokens))
        for layer in self.layers:
            x = layer(x, mask)
        return x


class ToyEncoder:
    token_embedding = "words"
    editable_patterns = editable_scores = True
    n_ctx = 32

    def __init__(self, d_model: int, d_vocab: int, n_layers: int = 2, special_ids: tuple[int, ...] = ()) -> None:
        self.module = EncoderNetwork(d_model, d_vocab, n_layers)
        self.n_layers, self.d_model, self.blocks = n_layers, d_model, self.module.layers
        self.special_ids = special_ids
        for name, part in self.module.named_modules():
            part.name = name

    @property
    def hook_points(self):
        return {name: part for name, part in self.module.named_modules() if isinstance(part, HookPoint)}

    hookable = hook_points

    @property
    def embedder(self):
        return self.module.lookup

    @property
    def embedding(self):
        return self.module.lookup.weight

    def attention_scores(self, layer):
        return f"layers.{layer}.scores"

    def attention_pattern(self, layer):
        return f"layers.{layer}.pattern"

    def residual(self, layer):
        return f"layers.{layer}.residual"

    def run(self, tokens, mask):
        return self.module(tokens, mask)

    def text_positions(self, tokens, mask):
        return mask & ~torch.isin(tokens, torch.tensor(self.special_ids, dtype=tokens.dtype))

    def moved_to(self, device, dtype):
        pass


def toy_head(config, *, d_vocab: int, n_classes: int) -> NeuronHeadAdapter:
    head = NeuronHead(config.d_model, config.d_mlp, n_classes)
    freeze = "all" if config.freeze is None else config.freeze
    return NeuronHeadAdapter(ToyEncoder(config.d_model, d_vocab), head, freeze=freeze)


register_backbone("toy_head", toy_head)
