"""What the transformers built from a configuration share: TransformerLens's names and pre-norm blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.edits import Edits
from safr_lens.backbones.hook_points import BlockNames
from safr_lens.backbones.protocol import Capabilities
from safr_lens.backbones.readout import mlp_alone

SIGNED = ("gelu", "gelu_new", "silu", "solu_ln")


def common_settings(config: BackboneConfig, *, d_vocab: int, n_classes: int) -> dict[str, Any]:
    """Return what the configurations of TransformerLens's transformers, old and new, have in common."""
    return {
        "n_layers": config.n_layers,
        "d_model": config.d_model,
        "d_head": config.d_model // config.n_heads,
        "n_heads": config.n_heads,
        "d_mlp": config.d_mlp,
        "n_ctx": config.n_ctx,
        "d_vocab": d_vocab,
        "d_vocab_out": n_classes,
        "normalization_type": "LN",
        "attention_dir": "bidirectional",
        "device": "cpu",
        "dtype": torch.float32,
    }


def may_be_padded(mask: Bool[Tensor, "batch pos"]) -> bool:
    """Whether padding has to be hidden; asked on CPUs only, since elsewhere the answer would wait for the device."""
    return mask.device.type != "cpu" or not bool(mask.all())


class PreNormAdapter(BlockNames):
    """A pre-norm transformer, under the hook names of ``HookedTransformer``, as a backbone.

    Args:
        module: the transformer, whose unembedding maps to classes.
    """

    token_embedding = gated = "hook_embed"
    readout_scale = "ln_final.hook_scale"

    def __init__(self, module: Any) -> None:
        self.module = module
        cfg = module.cfg
        self.n_layers, self.d_model, self.d_mlp, self.n_ctx = cfg.n_layers, cfg.d_model, cfg.d_mlp, cfg.n_ctx
        self.capabilities = Capabilities(
            exact_decomposition=True,
            editable_patterns=True,
            editable_scores=True,
            signed_neurons=cfg.act_fn in SIGNED,
        )

    @property
    def embedder(self) -> nn.Module:
        return self.module.embed

    @property
    def embedding(self) -> Float[Tensor, "d_vocab d_model"]:
        return self.module.embed.W_E

    def readable_neurons(self, layer: int) -> str:
        """As :meth:`neurons`, but for ``"solu_ln"``.

        There a LayerNorm over neurons follows the non-linearity, after which half of them are below 0 whatever they
        answer to. SoLU's authors read neurons ahead of it, and so do we; contributions to logits and ablations are
        still those of :meth:`neurons`.
        """
        return f"blocks.{layer}.mlp.hook_mid" if self.module.cfg.act_fn == "solu_ln" else self.neurons(layer)

    def attention_output(self, layer: int) -> str:
        return f"blocks.{layer}.hook_attn_out"

    @property
    def dropout_points(self) -> list[str]:
        return [at(layer) for layer in range(self.n_layers) for at in (self.attention_output, self.mlp_output)]

    def residual_writers(self) -> Mapping[str, str]:
        writers = {self.token_embedding: "token embedding"}
        if self.module.cfg.positional_embedding_type == "standard":
            writers["hook_pos_embed"] = "positions"
        for layer in range(self.n_layers):
            writers[self.attention_output(layer)] = f"attention of layer {layer}"
            writers[self.mlp_output(layer)] = f"MLP of layer {layer}"
        return writers

    def edits(self, mask: Bool[Tensor, "batch pos"], *, through_neurons: bool) -> Edits:
        last = self.n_layers - 1
        points = (f"blocks.{last}.hook_resid_mid", self.mlp_output(last), self.residual(last))
        return mlp_alone(*points) if through_neurons else Edits()

    def text_positions(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Bool[Tensor, "batch pos"]:
        return mask

    def moved_to(self, device: torch.device, dtype: torch.dtype) -> None:
        self.module.cfg.device, self.module.cfg.dtype = str(device), dtype
