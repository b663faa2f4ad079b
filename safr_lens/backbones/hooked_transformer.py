"""An unmodified, bidirectional ``HookedTransformer``; the one file that knows its weights and hook points."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib.metadata import version

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.edits import Edits
from safr_lens.backbones.pre_norm import PreNormAdapter
from safr_lens.backbones.readout import Readout
from safr_lens.backbones.versions import NATIVE_BRIDGE, has_hooked_transformer
from safr_lens.errors import ConfigError


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
                f"backbone={NATIVE_BRIDGE!r}, which reads the same checkpoints, or install 'transformer-lens<4'."
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # third-party notices that no user of this package can act on
            from transformer_lens import HookedTransformer, HookedTransformerConfig

            cfg = HookedTransformerConfig(
                n_layers=config.n_layers,
                d_model=config.d_model,
                d_head=config.d_model // config.n_heads,
                n_heads=config.n_heads,
                d_mlp=config.d_mlp,
                act_fn=config.act_fn,
                n_ctx=config.n_ctx,
                d_vocab=d_vocab,
                d_vocab_out=n_classes,
                normalization_type="LN",
                attention_dir="bidirectional",
                positional_embedding_type=config.positional_embedding_type,
                device="cpu",
                dtype=torch.float32,
            )
            module = HookedTransformer(cfg, move_to_device=False)
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
        return self._readout(final.w, final.b, unembed.W_U, unembed.b_U)

    def run(self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, "batch pos c"]:
        return self.module(tokens)

    def edits(self, mask: Bool[Tensor, "batch pos"], *, through_neurons: bool) -> Edits:
        edits = super().edits(mask, through_neurons=through_neurons)

        def hide_padding(scores: Tensor) -> Tensor:
            return scores.masked_fill(~mask[:, None, None, :], float("-inf"))

        # asked on CPUs only, where the answer is free; elsewhere it would wait for the device
        if mask.device.type != "cpu" or not bool(mask.all()):
            edits.before += [(self.attention_scores(layer), hide_padding) for layer in range(self.n_layers)]
        return edits
