"""A backbone from outside the package: a few matrices, with hook points under names of its own."""

from __future__ import annotations

import torch
from torch import nn

from safr_lens.backbones import Capabilities, Readout, register_backbone
from safr_lens.backbones.edits import Edits
from safr_lens.backbones.hook_points import HookedRootModule, HookPoint
from safr_lens.backbones.readout import mlp_alone

EPS = 1e-5


class ToyBlock(nn.Module):
    """Attention without queries and keys, and an MLP, without norms."""

    def __init__(self, d_model: int, d_mlp: int) -> None:
        super().__init__()
        self.value = nn.Linear(d_model, d_model)
        self.read = nn.Linear(d_model, d_mlp)
        self.write = nn.Linear(d_mlp, d_model)
        for name in ("scores", "pattern", "attention", "middle", "neurons", "mlp", "residual"):
            setattr(self, name, HookPoint())

    def forward(self, x):
        scores = self.scores((x @ x.transpose(1, 2) / x.shape[-1]).unsqueeze(1))
        pattern = self.pattern(scores.softmax(-1))
        middle = self.middle(x + self.attention(pattern[:, 0] @ self.value(x)))
        return self.residual(middle + self.mlp(self.write(self.neurons(self.read(middle).relu()))))


class ToyNetwork(HookedRootModule):
    def __init__(self, config, d_vocab: int, n_classes: int) -> None:
        super().__init__()
        self.lookup = nn.Embedding(d_vocab, config.d_model)
        self.words = HookPoint()
        self.layers = nn.ModuleList(ToyBlock(config.d_model, config.d_mlp) for _ in range(config.n_layers))
        self.scale = HookPoint()
        self.head = nn.Linear(config.d_model, n_classes)
        self.setup()

    def forward(self, tokens):
        x = self.words(self.lookup(tokens))
        for layer in self.layers:
            x = layer(x)
        x = x - x.mean(-1, keepdim=True)
        return self.head(x / self.scale((x.square().mean(-1, keepdim=True) + EPS).sqrt()))


class ToyAdapter:
    token_embedding, gated, readout_scale = "words", "words", "scale"
    capabilities = Capabilities(
        exact_decomposition=True, editable_patterns=True, editable_scores=True, signed_neurons=False
    )

    def __init__(self, config, *, d_vocab: int, n_classes: int) -> None:
        self.module = ToyNetwork(config, d_vocab, n_classes)
        self.n_layers, self.d_model, self.d_mlp, self.n_ctx = (
            config.n_layers,
            config.d_model,
            config.d_mlp,
            config.n_ctx,
        )

    @property
    def hook_points(self):
        return self.module.hook_dict

    @property
    def hookable(self):
        return self.module.mod_dict

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

    def neurons(self, layer):
        return f"layers.{layer}.neurons"

    readable_neurons = neurons

    def attention_output(self, layer):
        return f"layers.{layer}.attention"

    def mlp_output(self, layer):
        return f"layers.{layer}.mlp"

    @property
    def dropout_points(self):
        return [at(layer) for layer in range(self.n_layers) for at in (self.attention_output, self.mlp_output)]

    def residual(self, layer):
        return f"layers.{layer}.residual"

    def w_in(self, layer):
        return self.module.layers[layer].read.weight.T

    def w_out(self, layer):
        return self.module.layers[layer].write.weight.T

    def b_out(self, layer):
        return self.module.layers[layer].write.bias

    def readout(self):
        head = self.module.head
        return Readout(weight=head.weight.detach().T, bias=head.bias.detach(), eps=EPS)

    def residual_writers(self):
        writers = {"words": "words"}
        for layer in range(self.n_layers):
            writers[self.attention_output(layer)] = f"looking around, layer {layer}"
            writers[self.mlp_output(layer)] = f"thinking, layer {layer}"
        return writers

    def run(self, tokens, mask):
        return self.module(tokens)

    def edits(self, mask, *, through_neurons):
        last = self.n_layers - 1
        points = (f"layers.{last}.middle", self.mlp_output(last), self.residual(last))
        edits = mlp_alone(*points) if through_neurons else Edits()
        for layer in range(self.n_layers):
            edits.before.append(
                (self.attention_scores(layer), lambda scores: scores.masked_fill(~mask[:, None, None], -torch.inf))
            )
        return edits

    def text_positions(self, tokens, mask):
        return mask

    def moved_to(self, device, dtype):
        pass


register_backbone("toy", ToyAdapter)
