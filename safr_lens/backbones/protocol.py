"""All that the rest of the package may ask of a backbone and of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from safr_lens.backbones.edits import Edits
from safr_lens.backbones.readout import Readout


class Network(Protocol):
    """A network of blocks of attention and MLP over tokens, and where in it things are.

    Names are those of hook points, all of them keys of ``hook_points``; layers count from 0.

    Attributes:
        module: the network; its weights are a checkpoint's.
        hook_points: by name, the modules whose outputs can be read and edited.
        hookable: by name, all modules at which TransformerLens's hook API may add hooks.
        n_layers, d_model, n_ctx: sizes; ``n_ctx`` counts special tokens.
        token_embedding: where the token embedding is, ahead of positions and norms.
        embedder: the module that looks tokens up.
    """

    module: nn.Module
    n_layers: int
    d_model: int
    n_ctx: int
    token_embedding: str

    @property
    def hook_points(self) -> Mapping[str, nn.Module]: ...

    @property
    def hookable(self) -> Mapping[str, nn.Module]: ...

    @property
    def embedder(self) -> nn.Module: ...

    @property
    def embedding(self) -> Float[Tensor, "d_vocab d_model"]:
        """The matrix of token embeddings; writing to it in place changes the network."""

    def attention_scores(self, layer: int) -> str:
        """Return where attention scores are, [batch head query key], ahead of the softmax."""

    def attention_pattern(self, layer: int) -> str:
        """Return where attention patterns are, [batch head query key]."""

    def text_positions(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Bool[Tensor, "batch pos"]:
        """Return which of the real tokens are of the text, and not special ones such as ``[CLS]``."""

    def moved_to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Note where the weights are now and what they are made of."""


@dataclass(frozen=True)
class Capabilities:
    """What can be done with a backbone.

    Attributes:
        exact_decomposition: logits are exactly a sum over neurons and the components named by ``residual_writers``.
        editable_patterns, editable_scores: a hook's change of attention patterns or scores reaches the logits.
        signed_neurons: neurons can be below 0, so that "active" is not the same as "above 0".
    """

    exact_decomposition: bool
    editable_patterns: bool
    editable_scores: bool
    signed_neurons: bool


@runtime_checkable
class BackboneAdapter(Network, Protocol):
    """A network that a classifier can stand on; its weights are a checkpoint's ``backbone.*``.

    Attributes:
        d_mlp: number of neurons of a layer.
        capabilities: what can be done with it.
        gated: where VMASK gates: the token embedding, or what is read of token vectors that are not trained.
        readout_scale: the scale that the final norm divides by; None where there is no norm.
        dropout_points: where dropout applies in training, beside the gated point.
    """

    d_mlp: int
    capabilities: Capabilities
    gated: str
    readout_scale: str | None
    dropout_points: Sequence[str]

    def neurons(self, layer: int) -> str:
        """Return where the activations are that ``w_out`` reads, [batch pos d_mlp]."""

    def readable_neurons(self, layer: int) -> str:
        """Return where people and measures read neurons; where it differs from :meth:`neurons`, its maker says why."""

    def mlp_output(self, layer: int) -> str:
        """Return where the output of the MLP is, [batch pos d_out]."""

    def residual(self, layer: int) -> str:
        """Return where the residual stream after a block is, [batch pos d_out]; of the last, what is read out."""

    def w_in(self, layer: int) -> Float[Tensor, "d_model d_mlp"]:
        """Return the weights that neurons read with."""

    def w_out(self, layer: int) -> Float[Tensor, "d_mlp d_out"]:
        """Return the weights that neurons write with, to the residual stream or, without one, to the logits."""

    def b_out(self, layer: int) -> Float[Tensor, " d_out"]:
        """Return the bias that is written beside the neurons."""

    def readout(self) -> Readout:
        """Return final norm and unembedding as plain tensors."""

    def residual_writers(self) -> Mapping[str, str]:
        """Return all that writes to the residual that is read out: hook points, and what to call them."""

    def run(self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Float[Tensor, "batch pos c"]:
        """Return the logits read out at each position."""

    def edits(self, mask: Bool[Tensor, "batch pos"], *, through_neurons: bool) -> Edits:
        """Return how one forward pass is edited.

        Args:
            mask: True at real tokens; no token attends to another position.
            through_neurons: read out the last MLP's output alone, not the whole residual stream.
        """


@runtime_checkable
class Encoder(Network, Protocol):
    """A pretrained network that turns tokens into token vectors, under TransformerLens's hook names.

    A neuron head reads its token vectors; a pretrained backbone reads its blocks too.

    Attributes:
        blocks: the network's blocks, the lowest first.
        editable_patterns, editable_scores: a hook's change of attention patterns or scores reaches the token vectors.
    """

    blocks: Sequence[nn.Module]
    editable_patterns: bool
    editable_scores: bool

    def attention_pattern(self, layer: int) -> str:
        """Return where attention patterns are, [batch head query key]; rows sum to 1, in training too."""

    def residual(self, layer: int) -> str:
        """Return where the output of a block is, [batch pos d_model]; of the last, what :meth:`run` returns."""

    def run(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Return the token vectors; padding changes none of those at real tokens."""


def encoder_of(adapter: object) -> Encoder | None:
    """Return the pretrained encoder that a backbone stands on, if it does."""
    return getattr(adapter, "encoder", None)
