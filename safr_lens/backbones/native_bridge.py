"""TransformerLens's native bridge, which versions 3.9 and 4 have, with the meanings of ``HookedTransformer``."""

from __future__ import annotations

from typing import Any

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.hook_points import ATTENTION_POINTS, HookPoint
from safr_lens.backbones.native_network import make_bridge
from safr_lens.backbones.native_weights import initialize, name_as_hooked_transformer
from safr_lens.backbones.pre_norm import PreNormAdapter, may_be_padded
from safr_lens.backbones.readout import Readout


class NativeBridgeAdapter(PreNormAdapter):
    """A ``TransformerBridge`` around TransformerLens's native transformer as a backbone.

    Each point has one name, that of ``HookedTransformer``, whatever the bridge itself calls it.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module)
        self.hook_points = self.hookable = _points(module)
        for name, point in self.hook_points.items():
            point.name = name

    @classmethod
    def from_config(cls, config: BackboneConfig, *, d_vocab: int, n_classes: int) -> NativeBridgeAdapter:
        """Return an untrained transformer with the weights that a ``HookedTransformer`` gets from this random state."""
        bridge = make_bridge(config, d_vocab=d_vocab, n_classes=n_classes)
        initialize(bridge, embed_std=config.embed_std)
        name_as_hooked_transformer(bridge)
        return cls(bridge)

    @property
    def embedder(self) -> nn.Module:
        return self.module.embed.original_component  # the bridge's own module ends behind VMASK's gate

    def w_in(self, layer: int) -> Float[Tensor, "d_model d_mlp"]:
        return getattr(self.module.blocks[layer].mlp, "in").weight.T

    def w_out(self, layer: int) -> Float[Tensor, "d_mlp d_model"]:
        return self.module.blocks[layer].mlp.out.weight.T

    def b_out(self, layer: int) -> Float[Tensor, " d_model"]:
        return self.module.blocks[layer].mlp.out.bias

    def readout(self) -> Readout:
        final, unembed = self.module.ln_final, self.module.unembed
        weights = (final.weight, final.bias, unembed.weight.T, unembed.bias)
        return Readout.folded(*weights, eps=self.module.cfg.eps)

    def run(self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, "batch pos c"]:
        return self.module.original_model(tokens, attention_mask=mask if may_be_padded(mask) else None)


def _points(bridge: Any) -> dict[str, HookPoint]:
    points = {"hook_embed": bridge.embed.hook_out, "hook_pos_embed": bridge.pos_embed.hook_out}
    for layer, block in enumerate(bridge.blocks):
        attention, mlp = block.attn.original_component, block.mlp
        inside = {"hook_resid_pre": block.hook_in}
        inside |= {f"ln1.{name}": getattr(block.ln1, name) for name in ("hook_scale", "hook_normalized")}
        inside |= {f"attn.{name}": getattr(attention, name) for name in ATTENTION_POINTS}
        inside |= {"hook_attn_out": block.attn.hook_out, "hook_resid_mid": block.original_component.hook_resid_mid}
        inside |= {f"ln2.{name}": getattr(block.ln2, name) for name in ("hook_scale", "hook_normalized")}
        inside["mlp.hook_pre"] = getattr(mlp, "in").hook_out
        if bridge.cfg.act_fn == "solu_ln":
            solu = mlp.original_component.act
            inside |= {"mlp.hook_mid": solu.hook_mid, "mlp.ln.hook_scale": solu.hook_scale}
            inside["mlp.ln.hook_normalized"] = solu.hook_normalized
        inside |= {"mlp.hook_post": mlp.out.hook_in, "hook_mlp_out": mlp.hook_out, "hook_resid_post": block.hook_out}
        points |= {f"blocks.{layer}.{name}": point for name, point in inside.items()}
    points |= {f"ln_final.{name}": getattr(bridge.ln_final, name) for name in ("hook_scale", "hook_normalized")}
    return points | {"unembed.hook_in": bridge.unembed.hook_in, "unembed.hook_out": bridge.unembed.hook_out}
