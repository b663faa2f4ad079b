"""An unmodified, bidirectional ``HookedTransformer``; the one file that knows its weights and hook points."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # third-party notices at import that no user of this package can act on
    from transformer_lens import HookedTransformer, HookedTransformerConfig

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.edits import Edits
from safr_lens.backbones.protocol import Capabilities
from safr_lens.backbones.readout import Readout, without_skip

SIGNED = ("gelu", "gelu_new", "silu", "solu_ln")


class HookedTransformerAdapter:
    """A pre-norm ``HookedTransformer`` as a backbone.

    Args:
        module: the transformer, whose unembedding maps to classes.
    """

    token_embedding = gated = "hook_embed"
    readout_scale = "ln_final.hook_scale"

    def __init__(self, module: HookedTransformer) -> None:
        self.module = module
        cfg = module.cfg
        self.n_layers, self.d_model, self.d_mlp, self.n_ctx = cfg.n_layers, cfg.d_model, cfg.d_mlp, cfg.n_ctx
        self.capabilities = Capabilities(
            exact_decomposition=True,
            editable_patterns=True,
            editable_scores=True,
            signed_neurons=cfg.act_fn in SIGNED,
        )

    @classmethod
    def from_config(cls, config: BackboneConfig, *, d_vocab: int, n_classes: int) -> HookedTransformerAdapter:
        """Return an untrained transformer with token embeddings of ``config.embed_std``."""
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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = HookedTransformer(cfg, move_to_device=False)
        nn.init.normal_(module.embed.W_E, std=config.embed_std)
        return cls(module)

    @property
    def hook_points(self) -> Mapping[str, nn.Module]:
        return self.module.hook_dict

    @property
    def hookable(self) -> Mapping[str, nn.Module]:
        return self.module.mod_dict

    @property
    def embedder(self) -> nn.Module:
        return self.module.embed

    @property
    def embedding(self) -> Float[Tensor, "d_vocab d_model"]:
        return self.module.embed.W_E

    def attention_scores(self, layer: int) -> str:
        return f"blocks.{layer}.attn.hook_attn_scores"

    def attention_pattern(self, layer: int) -> str:
        return f"blocks.{layer}.attn.hook_pattern"

    def neurons(self, layer: int) -> str:
        return f"blocks.{layer}.mlp.hook_post"

    def readable_neurons(self, layer: int) -> str:
        """As :meth:`neurons`, but for ``"solu_ln"``.

        There a LayerNorm over neurons follows the non-linearity, after which half of them are below 0 whatever they
        answer to. SoLU's authors read neurons ahead of it, and so do we; contributions to logits and ablations are
        still those of :meth:`neurons`.
        """
        return f"blocks.{layer}.mlp.hook_mid" if self.module.cfg.act_fn == "solu_ln" else self.neurons(layer)

    def attention_output(self, layer: int) -> str:
        return f"blocks.{layer}.hook_attn_out"

    def mlp_output(self, layer: int) -> str:
        return f"blocks.{layer}.hook_mlp_out"

    @property
    def dropout_points(self) -> list[str]:
        return [at(layer) for layer in range(self.n_layers) for at in (self.attention_output, self.mlp_output)]

    def residual(self, layer: int) -> str:
        return f"blocks.{layer}.hook_resid_post"

    def w_in(self, layer: int) -> Float[Tensor, "d_model d_mlp"]:
        return self.module.blocks[layer].mlp.W_in

    def w_out(self, layer: int) -> Float[Tensor, "d_mlp d_model"]:
        return self.module.blocks[layer].mlp.W_out

    def b_out(self, layer: int) -> Float[Tensor, " d_model"]:
        return self.module.blocks[layer].mlp.b_out

    def readout(self) -> Readout:
        final, unembed = self.module.ln_final, self.module.unembed
        with torch.no_grad():
            return Readout(
                weight=(final.w.unsqueeze(1) * unembed.W_U).float(),
                bias=(final.b @ unembed.W_U + unembed.b_U).float(),
                eps=float(final.eps),
            )

    def residual_writers(self) -> Mapping[str, str]:
        writers = {self.token_embedding: "token embedding"}
        if self.module.cfg.positional_embedding_type == "standard":
            writers["hook_pos_embed"] = "positions"
        for layer in range(self.n_layers):
            writers[self.attention_output(layer)] = f"attention of layer {layer}"
            writers[self.mlp_output(layer)] = f"MLP of layer {layer}"
        return writers

    def run(self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, "batch pos c"]:
        return self.module(tokens)

    def edits(self, mask: Bool[Tensor, "batch pos"], *, through_neurons: bool) -> Edits:
        edits = Edits()

        def hide_padding(scores: Tensor) -> Tensor:
            return scores.masked_fill(~mask[:, None, None, :], float("-inf"))

        # asked on CPUs only, where the answer is free; elsewhere it would wait for the device
        if mask.device.type != "cpu" or not bool(mask.all()):
            edits.before += [(self.attention_scores(layer), hide_padding) for layer in range(self.n_layers)]
        if through_neurons:
            last = self.n_layers - 1
            skipped: dict[str, Tensor] = {}
            edits.before.append((self.residual(last), lambda resid_post: without_skip(resid_post, **skipped)))
            edits.after.append((self.mlp_output(last), lambda mlp_out: skipped.update(mlp_out=mlp_out)))
            resid_mid = f"blocks.{last}.hook_resid_mid"  # the residual that skips the MLP
            edits.after.append((resid_mid, lambda value: skipped.update(resid_mid=value)))
        return edits

    def text_positions(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Bool[Tensor, "batch pos"]:
        return mask

    def moved_to(self, device: torch.device, dtype: torch.dtype) -> None:
        self.module.cfg.device, self.module.cfg.dtype = str(device), dtype
