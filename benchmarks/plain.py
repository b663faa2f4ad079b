"""The same classifier in plain PyTorch: no hooks, attention of one fused call, weights of one linear layer each."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from safr_lens import HookedClassifier


class PlainBlock(nn.Module):
    """A pre-norm block whose positions enter queries and keys alone."""

    def __init__(self, d_model: int, n_heads: int, d_mlp: int, dropout: float) -> None:
        super().__init__()
        self.n_heads, self.dropout = n_heads, dropout
        self.ln1, self.ln2 = nn.LayerNorm(d_model), nn.LayerNorm(d_model)
        self.q, self.k, self.v, self.o = (nn.Linear(d_model, d_model) for _ in range(4))
        self.w_in, self.w_out = nn.Linear(d_model, d_mlp), nn.Linear(d_mlp, d_model)

    def forward(self, x: Tensor, positions: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        normed = self.ln1(x)
        looking = normed + positions
        q, k, v = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            for part in (self.q(looking), self.k(looking), self.v(normed))
        )
        z = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)
        x = x + F.dropout(self.o(z), self.dropout, self.training)
        mlp_out = F.dropout(self.w_out(F.relu(self.w_in(self.ln2(x)))), self.dropout, self.training)
        return x + mlp_out, mlp_out


class PlainClassifier(nn.Module):
    """VMASK's gate, pre-norm blocks, and the mean of what the last MLP alone says of each token.

    VMASK is computed for every token; ours computes each distinct token of a training batch once.

    Args:
        model: a classifier with ReLU neurons that it takes sizes and weights from.
    """

    def __init__(self, model: HookedClassifier) -> None:
        super().__init__()
        c = model.config
        self.embed = nn.Embedding(model.tokenizer.d_vocab, c.d_model)
        self.positions = nn.Embedding(c.n_ctx, c.d_model)
        self.hidden, self.keep = nn.Linear(c.d_model, c.d_vmask), nn.Linear(c.d_vmask, 2)
        self.blocks = nn.ModuleList(PlainBlock(c.d_model, c.n_heads, c.d_mlp, c.dropout) for _ in range(c.n_layers))
        self.norm, self.readout = nn.LayerNorm(c.d_model), nn.Linear(c.d_model, len(model.labels))
        self.dropout = c.dropout
        self.load_state_dict(plain_weights(model.state_dict(), c.n_layers))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.embed(tokens)
        drop, keep = self.keep(torch.tanh(self.hidden(x))).unbind(-1)
        x = F.dropout(x * self._gate(keep - drop).unsqueeze(-1), self.dropout, self.training)
        positions = self.positions.weight[: tokens.shape[1]]
        seen = None if bool(mask.all()) else mask[:, None, None, :]
        for block in self.blocks:
            x, mlp_out = block(x, positions, seen)
        logits = self.readout(self.norm(mlp_out))
        weights = mask.unsqueeze(-1).to(logits.dtype)
        return (logits * weights).sum(1) / weights.sum(1)

    def _gate(self, log_odds: Tensor) -> Tensor:
        if not self.training:
            return log_odds.sigmoid()
        uniform = torch.rand_like(log_odds).clamp(1e-6, 1 - 1e-6)
        soft = torch.sigmoid(log_odds + uniform.logit())
        return (soft > 0.5).to(soft.dtype) + soft - soft.detach()


def plain_weights(state: dict[str, Tensor], n_layers: int) -> dict[str, Tensor]:
    """Return the weights of a classifier under the names of :class:`PlainClassifier`."""
    state = {name.removeprefix("backbone."): weight for name, weight in state.items()}
    found = {"embed.weight": state["embed.W_E"], "positions.weight": state["pos_embed.W_pos"]}
    found |= {name.removeprefix("vmask."): weight for name, weight in state.items() if name.startswith("vmask.")}
    for i in range(n_layers):
        new, old = f"blocks.{i}.", {name: state[f"blocks.{i}.{name}"] for name in _names(state, i)}
        for letter in "QKV":
            found[f"{new}{letter.lower()}.weight"] = old[f"attn.W_{letter}"].permute(0, 2, 1).flatten(0, 1)
            found[f"{new}{letter.lower()}.bias"] = old[f"attn.b_{letter}"].flatten()
        found[f"{new}o.weight"], found[f"{new}o.bias"] = old["attn.W_O"].flatten(0, 1).T, old["attn.b_O"]
        for part, name in (("w_in", "in"), ("w_out", "out")):
            found[f"{new}{part}.weight"], found[f"{new}{part}.bias"] = old[f"mlp.W_{name}"].T, old[f"mlp.b_{name}"]
        for norm in ("ln1", "ln2"):
            found[f"{new}{norm}.weight"], found[f"{new}{norm}.bias"] = old[f"{norm}.w"], old[f"{norm}.b"]
    found["norm.weight"], found["norm.bias"] = state["ln_final.w"], state["ln_final.b"]
    return found | {"readout.weight": state["unembed.W_U"].T, "readout.bias": state["unembed.b_U"]}


def _names(state: dict[str, Tensor], layer: int) -> list[str]:
    prefix = f"blocks.{layer}."
    return [name.removeprefix(prefix) for name in state if name.startswith(prefix)]
