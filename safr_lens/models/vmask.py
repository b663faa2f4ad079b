"""VMASK: which tokens matter, learned with the classifier (Chen & Ji, EMNLP 2020, arXiv 2010.00667)."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.edits import is_edited
from safr_lens.backbones.fused_attention import is_watched
from safr_lens.backbones.hook_points import HookPoint
from safr_lens.backbones.protocol import BackboneAdapter

TYPE_BLOCK = 128


class VMask(nn.Module):
    """Keep-probability of each token from its embedding.

    .. math:: p_i = W_2 \\tanh(W_1 e_i + b_1) + b_2 \\in R^2, \\qquad q_i = \\mathrm{softmax}(p_i)_{keep}

    Args:
        d_model: width of the embedding.
        d_vmask: hidden units.
    """

    def __init__(self, d_model: int, d_vmask: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(d_model, d_vmask)
        self.keep = nn.Linear(d_vmask, 2)

    def forward(self, embed: Float[Tensor, "*shape d_model"]) -> Float[Tensor, "*shape"]:
        """Return the log-odds of keeping each token; ``sigmoid`` of it is q (the softmax of two).

        Under autocast they are computed in the type of the weights: rounded ones would flip gates near 1/2.
        """
        with torch.autocast(embed.device.type, enabled=False):
            drop, keep = self.keep(torch.tanh(self.hidden(embed.to(self.hidden.weight.dtype)))).unbind(-1)
            return keep - drop


class TypeLogOdds:
    """VMASK's log-odds of token types, each computed once, since they are a function of the type's embedding alone.

    For passes over a corpus with weights that do not change. Types are computed in blocks of neighbouring ids: what a
    type gets never depends on the texts read before it, not even in its last digit.

    Args:
        vmask: of the model.
        embedding: its embedding matrix.
    """

    def __init__(self, vmask: VMask, embedding: Float[Tensor, "d_vocab d_model"]) -> None:
        self.vmask, self.embedding = vmask, embedding
        self.values = torch.full((len(embedding),), torch.nan, device=embedding.device, dtype=embedding.dtype)
        self.done: set[int] = set()

    def __call__(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos"]:
        """Return the log-odds of keeping each token, without gradient."""
        known = self.values[tokens]
        unknown = known.isnan()
        if not unknown.any():
            return known
        blocks = set((tokens[unknown] // TYPE_BLOCK).tolist()) - self.done
        for block in sorted(blocks):
            ids = slice(block * TYPE_BLOCK, (block + 1) * TYPE_BLOCK)
            with torch.no_grad():
                self.values[ids] = self.vmask(self.embedding[ids])
        self.done |= blocks
        return self.values[tokens]


def log_odds_by_word(
    vmask: VMask, embed: Float[Tensor, "batch pos d_model"], tokens: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos"]:
    """Return VMASK's log-odds with their gradient, each distinct token computed once.

    A batch of reviews has twice as many tokens as distinct ones. The gradient reaches the embedding through the first
    occurrence of each, which is the same row of the matrix.

    Args:
        vmask: of the model.
        embed: the token embedding, the same wherever the token is the same.
        tokens: token ids.
    """
    types, place = tokens.unique(return_inverse=True)
    numbers = torch.arange(tokens.numel(), device=tokens.device)
    first = torch.full_like(types, tokens.numel()).scatter_reduce(0, place.flatten(), numbers, "amin")
    return vmask(embed.flatten(0, 1).index_select(0, first))[place]


def sample_gate(
    log_odds: Float[Tensor, "*shape"], *, generator: torch.Generator | None = None
) -> Float[Tensor, "*shape"]:
    """Draw a straight-through hard Gumbel-softmax sample (temperature 1) of the gate.

    Forward the gate is 0 or 1, with P(1) = q; backward it has the gradient of the soft sample
    ``sigmoid(log_odds + g_1 - g_2)``, where the difference of two Gumbel variables is logistic.

    >>> import torch
    >>> gate = sample_gate(torch.zeros(1, 1000), generator=torch.Generator().manual_seed(0))
    >>> sorted(set(gate.flatten().tolist())), 0.4 < gate.mean().item() < 0.6
    ([0.0, 1.0], True)
    """
    uniform = torch.rand(log_odds.shape, generator=generator, device=log_odds.device, dtype=torch.float32)
    uniform = uniform.clamp(1e-6, 1 - 1e-6)
    soft = torch.sigmoid(log_odds + (uniform.log() - (-uniform).log1p()).to(log_odds.dtype))
    hard = (soft > 0.5).to(soft.dtype)
    return hard + (soft - soft.detach())


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
