"""VMASK's gate in a forward pass: which tokens of a batch are kept, and how important each is."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.backbones.edits import is_edited
from safr_lens.backbones.fused_attention import is_watched
from safr_lens.backbones.hook_points import HookPoint
from safr_lens.backbones.protocol import BackboneAdapter
from safr_lens.models.vmask import TypeLogOdds, VMask, log_odds_by_word, sample_gate


@dataclass
class Gate:
    """The gate of one forward pass, an edit of the embedding; without VMASK, every q is 1.

    Attributes:
        adapter: of the backbone.
        vmask: of the model, if it has one.
        points: hook points of the embedding ahead of the gate, and of the gate.
        tokens, mask: token ids; True at all but padding.
        text: True at the tokens of the text; special tokens, which are not among them, are never gated.
        by_type: VMASK by token type, without gradient; not used where a hook may change the embedding.
        training: draw a hard sample of q, with ``generator``, instead of taking q.
        constant: texts whose gates get no gradient.
        importance: q; there once the embedding has been gated.
    """

    adapter: BackboneAdapter
    vmask: VMask | None
    points: tuple[HookPoint, HookPoint]
    tokens: Int[Tensor, "batch pos"]
    mask: Bool[Tensor, "batch pos"]
    text: Bool[Tensor, "batch pos"]
    by_type: TypeLogOdds | None
    training: bool
    generator: torch.Generator | None = None
    constant: Bool[Tensor, " batch"] | None = None
    importance: Float[Tensor, "batch pos"] = field(init=False)

    def __post_init__(self) -> None:
        # ahead of the pass, whose own reads of these points change nothing
        read = (self.adapter.embedder, self.points[0])
        changed = any(module._forward_hooks or is_edited(module) for module in read)
        self.known = None if self.by_type is None or changed else self.by_type(self.tokens)

    def __call__(self, embed: Float[Tensor, "batch pos d_model"]) -> Float[Tensor, "batch pos d_model"]:
        """Return the gated embedding."""
        ungated, point = self.points
        embed = ungated(embed)
        if self.vmask is None:
            self.importance = kept = torch.ones_like(embed[..., 0])
        else:
            log_odds = self._log_odds(self.vmask, embed) if self.known is None else self.known
            self.importance = torch.sigmoid(log_odds)
            kept = sample_gate(log_odds, generator=self.generator) if self.training else self.importance
        if self.constant is not None:
            kept = torch.where(self.constant.unsqueeze(1), kept.detach(), kept)
        if self.text is not self.mask:
            kept = kept.masked_fill(self.mask & ~self.text, 1.0)
        return embed * point(kept).unsqueeze(-1)

    def _log_odds(self, vmask: VMask, embed: Tensor) -> Tensor:
        by_word = self.training and self.adapter.gated == self.adapter.token_embedding
        if by_word and not is_watched((self.adapter.embedder, self.points[0], *vmask.modules())):
            return log_odds_by_word(vmask, embed, self.tokens)
        return vmask(embed)
