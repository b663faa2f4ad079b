"""A bidirectional ``HookedTransformer``; the one file that knows its weights and hook points."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.metadata import version

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.edits import Edits
from safr_lens.backbones.fused_attention import HidePadding
from safr_lens.backbones.pre_norm import PreNormAdapter, common_settings, may_be_padded
from safr_lens.backbones.readout import Readout
from safr_lens.backbones.versions import NATIVE_BRIDGE, has_hooked_transformer
from safr_lens.errors import ConfigError
from safr_lens.visible import shown


class HookedTransformerAdapter(PreNormAdapter):
    """A ``HookedTransformer`` as a backbone."""

    @classmethod
    def from_config(cls, config: BackboneConfig, *, d_vocab: int, n_classes: int) -> HookedTransformerAdapter:
        """Return an untrained transformer with token embeddings of ``config.embed_std``.

        Raises:
            ConfigError: TransformerLens 4, which has no ``HookedTransformer``.
        """
        if not has_hooked_transformer():
            raise ConfigError(
                f"TransformerLens {version('transformer-lens')} has no HookedTransformer: use "
                f"backbone={shown(NATIVE_BRIDGE)}, which reads the same checkpoints, or install 'transformer-lens<4'."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # third-party notices that no user of this package can act on
            from transformer_lens import HookedTransformer, HookedTransformerConfig

            cfg = HookedTransformerConfig(
                act_fn=config.non_linearity,
                positional_embedding_type=config.positional_embedding_type,
                **common_settings(config, d_vocab=d_vocab, n_classes=n_classes),
            )
            from safr_lens.backbones.hooked_attention import HookedAttention

            module = HookedTransformer(cfg, move_to_device=False)
        for block in module.blocks:
            block.attn.__class__ = HookedAttention
        nn.init.normal_(module.embed.W_E, std=config.embed_std)
        return cls(module)

    @property
    def hook_points(self) -> Mapping[str, nn.Module]:
        return self.module.hook_dict

    @property
    def hookable(self) -> Mapping[str, nn.Module]:
        return self.module.mod_dict

    def w_in(self, layer: int) -> Float[Tensor, "d_model d_mlp"]:
        return self.module.blocks[layer].mlp.W_in

    def w_out(self, layer: int) -> Float[Tensor, "d_mlp d_model"]:
        return self.module.blocks[layer].mlp.W_out

    def b_out(self, layer: int) -> Float[Tensor, " d_model"]:
        return self.module.blocks[layer].mlp.b_out

    def readout(self) -> Readout:
        final, unembed = self.module.ln_final, self.module.unembed
        return Readout.folded(final.w, final.b, unembed.W_U, unembed.b_U, eps=self.module.cfg.eps)

    def run(self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, "batch pos c"]:
        return self.module(tokens)

    def edits(self, mask: Bool[Tensor, "batch pos"], *, through_neurons: bool) -> Edits:
        edits = super().edits(mask, through_neurons=through_neurons)
        if may_be_padded(mask):
            hide_padding = HidePadding(mask)
            edits.before += [(self.attention_scores(layer), hide_padding) for layer in range(self.n_layers)]
        return edits
