"""The weights of the native bridge under the names and in the shapes of ``HookedTransformer``.

A bridge reaches each weight by several names; a checkpoint has one, the same whatever the version of TransformerLens.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from safr_lens.backbones.native_network import SoluLayerNorm


def weights(bridge: nn.Module) -> dict[str, Tensor]:
    """Return the weights as views, in the order in which ``HookedTransformer`` has them."""
    named: dict[str, Any] = {"embed.W_E": bridge.embed.weight, "pos_embed.W_pos": bridge.pos_embed.weight}
    for layer, block in enumerate(bridge.blocks):
        inside = _weights_of_block(block, heads=(bridge.cfg.n_heads, bridge.cfg.d_head))
        named |= {f"blocks.{layer}.{name}": weight for name, weight in inside.items()}
    named |= {"ln_final.w": bridge.ln_final.weight, "ln_final.b": bridge.ln_final.bias}
    return named | {"unembed.W_U": bridge.unembed.weight.T, "unembed.b_U": bridge.unembed.bias}


def _weights_of_block(block: nn.Module, *, heads: tuple[int, int]) -> dict[str, Tensor]:
    attn, mlp_in, mlp_out = block.attn, getattr(block.mlp, "in"), block.mlp.out

    def weight(part: nn.Module) -> Tensor:
        return part.weight.unflatten(0, heads).transpose(1, 2)

    def bias(part: nn.Module) -> Tensor:
        return part.bias.unflatten(0, heads)

    named = {f"ln1.{short}": getattr(block.ln1, long) for short, long in (("w", "weight"), ("b", "bias"))}
    named |= {f"ln2.{short}": getattr(block.ln2, long) for short, long in (("w", "weight"), ("b", "bias"))}
    named |= {"attn.W_Q": weight(attn.q), "attn.W_O": attn.o.weight.T.unflatten(0, heads)}
    named |= {"attn.b_Q": bias(attn.q), "attn.b_O": attn.o.bias}
    named |= {"attn.W_K": weight(attn.k), "attn.W_V": weight(attn.v)}
    named |= {"attn.b_K": bias(attn.k), "attn.b_V": bias(attn.v)}
    named |= {"mlp.W_in": mlp_in.weight.T, "mlp.b_in": mlp_in.bias}
    named |= {"mlp.W_out": mlp_out.weight.T, "mlp.b_out": mlp_out.bias}
    solu = block.mlp.original_component.act
    return named | ({"mlp.ln.w": solu.w, "mlp.ln.b": solu.b} if isinstance(solu, SoluLayerNorm) else {})


@torch.no_grad()
def initialize(bridge: nn.Module, *, embed_std: float) -> None:
    """Draw weights as ``HookedTransformer`` does, in its order: the same random state gives the same ones.

    Matrices have a standard deviation of :math:`0.8 / \\sqrt{d_{model}}`, biases are 0.
    """
    for name, weight in weights(bridge).items():
        if ".W_" in name:
            _draw(weight, std=0.8 / bridge.cfg.d_model**0.5)
        else:
            weight.fill_(1.0 if name.endswith(".w") else 0.0)
    _draw(bridge.embed.weight, std=embed_std)


def _draw(weight: Tensor, *, std: float) -> None:
    weight.copy_(nn.init.normal_(torch.empty(weight.shape), std=std))


def name_as_hooked_transformer(bridge: nn.Module) -> None:
    """Save and load a bridge inside a parent module under these names."""
    bridge.register_state_dict_post_hook(_save)
    bridge.register_load_state_dict_pre_hook(_load)


def _save(bridge: nn.Module, state: dict[str, Tensor], prefix: str, metadata: Any) -> None:
    for name in [name for name in state if name.startswith(prefix)]:
        del state[name]
    state.update({prefix + name: weight.detach() for name, weight in weights(bridge).items()})


@torch.no_grad()
def _load(
    bridge: nn.Module,
    state: dict[str, Tensor],
    prefix: str,
    metadata: Any,
    strict: bool,
    missing: list[str],
    unexpected: list[str],
    errors: list[str],
) -> None:
    for name, weight in weights(bridge).items():
        stored = state.pop(prefix + name, None)
        if stored is None:
            missing.append(prefix + name)
        elif stored.shape != weight.shape:
            errors.append(f"{prefix}{name} has shape {list(stored.shape)}, expected {list(weight.shape)}.")
        else:
            weight.copy_(stored)
    # what follows loads the modules below the bridge, each under names of its own
    state.update(
        {prefix + name: value.detach() for name, value in nn.Module.named_parameters(bridge, remove_duplicate=False)}
    )
