"""TransformerLens's native transformer, with positions, scores and patterns where ``HookedTransformer`` has them.

Its own attention can be hooked ahead of the softmax in no version, and patterns can be edited in version 4 only.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from safr_lens.backbones.config import BackboneConfig
from safr_lens.backbones.fused_attention import fused_attention, is_watched
from safr_lens.backbones.hook_points import ATTENTION_POINTS, HookPoint
from safr_lens.backbones.pre_norm import common_settings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # third-party notices at import that no user of this package can act on
    from transformer_lens.config import TransformerBridgeConfig
    from transformer_lens.model_bridge.sources import build_bridge_from_module
    from transformer_lens.model_bridge.sources.native import NativeAttention, NativeBlock, NativeModel


class HookedAttention(NativeAttention):
    """Bidirectional attention whose every step is a hook point; shortformer positions enter queries and keys alone."""

    accepts_pattern_fn = False  # the bridge's own hook of the pattern is not used

    def __init__(self, cfg: TransformerBridgeConfig) -> None:
        super().__init__(cfg)
        for name in ATTENTION_POINTS:
            setattr(self, name, HookPoint())

    def forward(  # type: ignore[override]
        self,
        hidden_states: Float[Tensor, "batch pos d_model"],
        attention_mask: Int[Tensor, "batch pos"] | None = None,
        positions: Float[Tensor, "batch pos d_model"] | None = None,
        **kwargs: Any,
    ) -> tuple[Float[Tensor, "batch pos d_model"]]:
        looking = hidden_states if positions is None else hidden_states + positions
        q, k, v = self.q(looking), self.k(looking), self.v(hidden_states)
        heads = (self.n_heads, self.d_head)
        q, k, v = (point(x.unflatten(-1, heads)) for point, x in ((self.hook_q, q), (self.hook_k, k), (self.hook_v, v)))
        keys = None if attention_mask is None else attention_mask.bool()[:, None, None, :]
        if is_watched((self.hook_attn_scores, self.hook_pattern)):
            z = self._watched(q, k, v, keys)
        else:
            z = fused_attention(q, k, v, keys, scale=1 / self.scale)
        return (self.o(self.hook_z(z).flatten(2)),)

    def _watched(self, q: Tensor, k: Tensor, v: Tensor, keys: Tensor | None) -> Tensor:
        """Return what :func:`fused_attention` does, with scores and pattern passing their hook points."""
        q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        scores = q @ k.transpose(-2, -1) / self.scale
        if keys is not None:
            scores = scores.masked_fill(~keys, float("-inf"))
        pattern = self.hook_attn_scores(scores).softmax(-1)
        pattern = self.hook_pattern(torch.where(pattern.isnan(), 0.0, pattern)).to(v.dtype)
        return (pattern @ v).transpose(1, 2)


class HookedBlock(NativeBlock):
    """A pre-norm block whose residual between attention and MLP can be read and edited."""

    def __init__(self, cfg: TransformerBridgeConfig) -> None:
        super().__init__(cfg)
        self.attn = HookedAttention(cfg)
        self.hook_resid_mid = HookPoint()

    def forward(  # type: ignore[override]
        self,
        hidden_states: Float[Tensor, "batch pos d_model"],
        attention_mask: Int[Tensor, "batch pos"] | None = None,
        positions: Float[Tensor, "batch pos d_model"] | None = None,
    ) -> tuple[Float[Tensor, "batch pos d_model"]]:
        (attn_out,) = self.attn(self.ln1(hidden_states), attention_mask=attention_mask, positions=positions)
        resid_mid = self.hook_resid_mid(hidden_states + attn_out)
        return (resid_mid + self.mlp(self.ln2(resid_mid)),)


class SoluLayerNorm(nn.Module):
    """SoLU and a LayerNorm over neurons, with their hook points; version 3 has neither."""

    def __init__(self, cfg: TransformerBridgeConfig) -> None:
        super().__init__()
        self.w, self.b, self.eps = nn.Parameter(torch.ones(cfg.d_mlp)), nn.Parameter(torch.zeros(cfg.d_mlp)), cfg.eps
        self.hook_mid, self.hook_scale, self.hook_normalized = HookPoint(), HookPoint(), HookPoint()

    def forward(self, pre: Float[Tensor, "batch pos d_mlp"]) -> Float[Tensor, "batch pos d_mlp"]:
        mid = self.hook_mid(pre * pre.softmax(-1))
        centred = mid - mid.mean(-1, keepdim=True)
        scale = self.hook_scale((centred.square().mean(-1, keepdim=True) + self.eps).sqrt())
        return self.hook_normalized(centred / scale) * self.w + self.b


class NativeNetwork(NativeModel):
    """The network inside the bridge, with a trainable readout of the classes.

    Args:
        cfg: of the bridge, with ``"standard"`` positions.
        shortformer: add positions to queries and keys instead of the residual stream.
        solu: use SoLU and a LayerNorm in place of ``cfg.act_fn``.
    """

    def __init__(self, cfg: TransformerBridgeConfig, *, shortformer: bool, solu: bool) -> None:
        super().__init__(cfg)
        self.shortformer = shortformer
        self.layers = nn.ModuleList(HookedBlock(cfg) for _ in range(cfg.n_layers))  # type: ignore[assignment]
        if solu:
            for block in self.layers:
                block.mlp.act = SoluLayerNorm(cfg)
        self.head = nn.Linear(cfg.d_model, cfg.d_vocab_out)

    def forward(  # type: ignore[override]
        self,
        input_ids: Int[Tensor, "batch pos"],
        attention_mask: Int[Tensor, "batch pos"] | None = None,
        **kwargs: Any,
    ) -> Float[Tensor, "batch pos d_vocab_out"]:
        hidden = self.tok_embed(input_ids)
        positions = self.pos(torch.arange(input_ids.shape[1], device=input_ids.device).expand(input_ids.shape))
        if not self.shortformer:
            hidden, positions = hidden + positions, None
        for block in self.layers:
            (hidden,) = block(hidden, attention_mask=attention_mask, positions=positions)
        return self.head(self.ln_out(hidden))


def make_bridge(config: BackboneConfig, *, d_vocab: int, n_classes: int) -> nn.Module:
    """Return a ``TransformerBridge`` around this network, with weights still to be drawn."""
    solu = config.non_linearity == "solu_ln"
    cfg = TransformerBridgeConfig(
        act_fn="relu" if solu else config.non_linearity,
        positional_embedding_type="standard",
        **common_settings(config, d_vocab=d_vocab, n_classes=n_classes),
    )
    shortformer = config.positional_embedding_type == "shortformer"
    with torch.random.fork_rng(devices=[]):  # PyTorch's own initial values are drawn and not used
        network = NativeNetwork(cfg, shortformer=shortformer, solu=solu)
        bridge = build_bridge_from_module(network, "TransformerLensNative", tl_config=cfg)
    bridge.cfg.act_fn, bridge.cfg.positional_embedding_type = config.non_linearity, config.positional_embedding_type
    return bridge
