"""A pretrained encoder whose inner values pass hook points of TransformerLens's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import PreTrainedModel

from safr_lens.backbones.hook_points import BlockNames, HookPoint
from safr_lens.backbones.pretrained.attention import NAME, add_attention_points
from safr_lens.backbones.pretrained.families import Family
from safr_lens.data.batching import text_mask


class HookedEncoder(BlockNames):
    """An encoder of ``transformers``, unmodified but for its attention function; implements ``Encoder``.

    Where blocks end with a norm (BERT, RoBERTa, DistilBERT), ``hook_resid_mid`` and ``hook_resid_post`` are what the
    norms behind attention and MLP make: what the next part reads and adds to. ``hook_attn_out`` and ``hook_mlp_out``
    are ahead of these norms, as what is added. Where norms come first (ModernBERT), an edit of ``hook_resid_mid``
    changes what the MLP reads, not what its output is added to. With rotary positions, ``hook_q`` and ``hook_k`` are
    turned already.

    Args:
        module: the encoder of ``transformers``, in whose modules hook points are put; its state dict stays as it is.
        family: where things are in it.
        special_ids: ids of tokens that are not of the text.
    """

    token_embedding = "hook_embed"
    editable_patterns = editable_scores = True

    def __init__(self, module: PreTrainedModel, family: Family, special_ids: Sequence[int]) -> None:
        module.set_attn_implementation(NAME)
        module.config.use_cache = False
        self.module, self.family = module, family
        self.special_ids = tuple(special_ids)
        config = module.config
        self.n_layers, self.d_model, self.d_mlp, positions, self.act_fn = (getattr(config, n) for n in family.sizes)
        self.d_mlp = self.d_mlp or 4 * self.d_model  # GPT-2's configuration leaves it out
        self.n_ctx = positions - family.reserved_positions(config)
        self.blocks: Any = module.get_submodule(family.blocks)
        self.final_norm = module.get_submodule(family.final_norm.format(last=self.n_layers - 1))
        self.hook_points: dict[str, nn.Module] = {}
        self.hookable = self.hook_points
        self._add_points()

    def _add_points(self) -> None:
        family = self.family
        for name, path in {self.token_embedding: family.embedder, **family.embeddings}.items():
            self._add(name, self.module.get_submodule(path), "out")
        for layer, block in enumerate(self.blocks):
            prefix = f"blocks.{layer}."
            self._add(prefix + "hook_resid_pre", block, "in")
            for name, point in add_attention_points(block.get_submodule(family.attention)).items():
                self._name(f"{prefix}attn.{name}", point)
            self._add(prefix + "hook_attn_out", block.get_submodule(family.attention_output), "out")
            if family.residual_mid is not None:
                mid, side = family.residual_mid
                self._add(prefix + "hook_resid_mid", block.get_submodule(mid), side)
            if not family.gated:
                self._add(prefix + "mlp.hook_pre", block.get_submodule(family.w_in), "out")
            self._add(prefix + "mlp.hook_post", block.get_submodule(family.w_out), "in")
            self._add(prefix + "hook_mlp_out", block.get_submodule(family.mlp_output), "out")
            self._add(prefix + "hook_resid_post", block, "out")
        self._add("ln_final.hook_in", self.final_norm, "in")
        if isinstance(self.final_norm, nn.LayerNorm):
            self._add("ln_final.hook_scale", self.final_norm, "scale")
        self._add("ln_final.hook_out", self.final_norm, "out")

    def _add(self, name: str, module: nn.Module, side: str) -> None:
        point = self._name(name, HookPoint())
        module.add_module(f"hooked_{name.split('.')[-1]}", point)
        if side == "in":
            module.register_forward_pre_hook(_Entering(point))
        else:
            module.register_forward_hook(_Scaled(point) if side == "scale" else _Leaving(point))

    def _name(self, name: str, point: HookPoint) -> HookPoint:
        point.name = name
        self.hook_points[name] = point
        return point

    @property
    def embedder(self) -> nn.Module:
        return self.module.get_submodule(self.family.embedder)

    @property
    def embedding(self) -> Float[Tensor, "d_vocab d_model"]:
        return self.embedder.weight

    def linear(self, layer: int, name: str) -> nn.Linear:
        """Return the linear layer ahead of a block's neurons (``"w_in"``) or behind them (``"w_out"``)."""
        return self.blocks[layer].get_submodule(getattr(self.family, name))

    def residual(self, layer: int) -> str:
        return "ln_final.hook_out" if layer == self.n_layers - 1 else super().residual(layer)

    def run(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos d_model"]:
        return self.module(input_ids=tokens, attention_mask=mask).last_hidden_state

    def text_positions(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Bool[Tensor, "batch pos"]:
        return text_mask(tokens, mask, self.special_ids)

    def moved_to(self, device: torch.device, dtype: torch.dtype) -> None:
        pass


class _Entering:
    """Passes a module's first argument through a hook point; an object, so that a copy of the module has its own."""

    def __init__(self, point: HookPoint) -> None:
        self.point = point

    def __call__(self, module: nn.Module, args: tuple) -> tuple:
        return (self.point(args[0]), *args[1:])


class _Scaled:
    """Computes a LayerNorm anew, whose scale passes a hook point."""

    def __init__(self, point: HookPoint) -> None:
        self.point = point

    def __call__(self, norm: nn.LayerNorm, args: tuple, output: Tensor) -> Tensor:
        x = args[0].to(torch.promote_types(args[0].dtype, torch.float32))
        centred = x - x.mean(-1, keepdim=True)
        normalized = centred / self.point((centred.square().mean(-1, keepdim=True) + norm.eps).sqrt()) * norm.weight
        return (normalized if norm.bias is None else normalized + norm.bias).to(norm.weight.dtype)


class _Leaving:
    """Passes a module's output through a hook point."""

    def __init__(self, point: HookPoint) -> None:
        self.point = point

    def __call__(self, module: nn.Module, args: tuple, output: Any) -> Any:
        return self.point(output)
