"""What a backbone is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from safr_lens.backbones.versions import default_backbone
from safr_lens.checks import check_choice, check_number
from safr_lens.errors import ConfigError
from safr_lens.visible import shown

TOP_K, BATCH_TOP_K = "topk", "batch_topk"
ACT_FNS = ("relu", "gelu", "gelu_new", "silu", "solu_ln", TOP_K, BATCH_TOP_K)


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """Kind and sizes of a backbone, in TransformerLens's names.

    Attributes:
        n_layers, d_model, n_heads, d_mlp: the sizes; ``d_head`` is ``d_model / n_heads``.
        act_fn: of the MLPs. With ``"topk"`` a ReLU, of which each token keeps its ``k`` largest neurons alone; with
            ``"batch_topk"`` a token keeps ``k`` on average (:class:`safr_lens.models.top_k.TopK`).
        k: how many neurons are kept, with those two.
        n_ctx: longest text in tokens.
        positional_embedding_type: TransformerLens's ``"shortformer"`` (positions are added to queries and keys only) or
            ``"standard"`` (added to the residual stream, where SAFR's neurons come to answer to positions instead of
            words: see docs/findings.md).
        embed_std: standard deviation of untrained token embeddings. TransformerLens's own (0.05 at d_model 256)
            drowns what the few updates of a rare word can change.
        backbone: which kind, of those registered with :func:`~safr_lens.backbones.register_backbone`; by default
            ``"hooked_transformer"`` or, with TransformerLens 4, which has none, ``"native_bridge"``.
        encoder: configuration of the pretrained encoder that the backbone stands on, if it does.
        freeze: which of the encoder's weights are not trained: ``"all"``, ``"none"``, or those of so many of its lowest
            blocks and of its embeddings.

    Raises:
        ConfigError: a value without meaning.
    """

    n_layers: int = 1
    d_model: int = 256
    n_heads: int = 8
    d_mlp: int = 1024
    act_fn: str = "relu"
    k: int | None = None
    n_ctx: int = 128
    positional_embedding_type: str = "shortformer"
    embed_std: float = 0.02
    backbone: str = field(default_factory=default_backbone)
    encoder: dict[str, Any] | None = None
    freeze: str | int | None = None

    def __post_init__(self) -> None:
        for name in ("n_layers", "d_model", "n_heads", "d_mlp", "n_ctx"):
            check_number(name, getattr(self, name), low=1, whole=True)
        check_number("embed_std", self.embed_std, low=1e-9)
        check_choice("act_fn", self.act_fn, ACT_FNS)
        check_k(self.act_fn, self.k, self.d_mlp)
        check_choice("positional_embedding_type", self.positional_embedding_type, ("standard", "shortformer"))
        if self.d_model % self.n_heads:
            raise ConfigError(f"d_model ({self.d_model}) must be a multiple of n_heads ({self.n_heads}).")

    @property
    def non_linearity(self) -> str:
        """What the network itself has: of ``"topk"`` and ``"batch_topk"`` the ReLU."""
        return "relu" if self.act_fn in (TOP_K, BATCH_TOP_K) else self.act_fn


def check_k(act_fn: str, k: int | None, d_mlp: int) -> None:
    """Raise a ConfigError unless k is there where it is used alone, and from 1 to the number of neurons."""
    used = act_fn in (TOP_K, BATCH_TOP_K)
    if used and k is None:
        raise ConfigError(f"act_fn={shown(act_fn)} keeps the k largest of {d_mlp} neurons. State how many, as k=16.")
    if used:
        check_number("k", k, low=1, high=d_mlp, whole=True)
    elif k is not None:
        raise ConfigError(f"k has no meaning with act_fn={shown(act_fn)}. Leave it out, or use act_fn={shown(TOP_K)}.")
