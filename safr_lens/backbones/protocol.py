"""All that the rest of the package may ask of a backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.backbones.edits import Edits
from safr_lens.backbones.network import Network
from safr_lens.backbones.readout import Readout


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
