"""The logits of a text as an exact sum over (token, neuron) pairs and the other components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.backbones import BackboneAdapter
from safr_lens.errors import ConfigError

BIASES = {"mlp_bias": "output bias of the MLP", "readout_bias": "biases of readout and final LayerNorm"}


@dataclass(frozen=True)
class Decomposition:
    """Contributions in logits; ``neurons`` summed over positions and neurons plus all ``others`` is ``logits``.

    Attributes:
        tokens: the tokens of the text.
        labels: class names.
        logits: the model's logits.
        neurons: what each neuron of the last MLP adds at each token.
        others: what else adds at each token: the MLP's output bias, the biases of readout and final LayerNorm and,
            with the residual readout, embedding, positions, attention and earlier MLPs.
        other_names: what to call each of the ``others``.
    """

    tokens: list[str]
    labels: tuple[str, ...]
    logits: Float[Tensor, " n_classes"]
    neurons: Float[Tensor, "pos d_mlp n_classes"] = field(repr=False)
    others: Mapping[str, Float[Tensor, "pos n_classes"]] = field(repr=False)
    other_names: Mapping[str, str]

    def total(self) -> Float[Tensor, " n_classes"]:
        """Sum of all contributions."""
        return self.by_token().sum(0)

    def by_token(self) -> Float[Tensor, "pos n_classes"]:
        """What each token adds, through all components."""
        return self.neurons.sum(1) + torch.stack(list(self.others.values())).sum(0)

    def by_neuron(self) -> Float[Tensor, "d_mlp n_classes"]:
        """What each neuron adds, over all tokens."""
        return self.neurons.sum(0)


def points_to_decompose(backbone: BackboneAdapter, *, through_neurons: bool) -> list[str]:
    """Return the hook points that :func:`decomposed` needs, those of the ``others`` last.

    Raises:
        ConfigError: a backbone that has no such sum.
    """
    if not backbone.capabilities.exact_decomposition:
        raise ConfigError(
            "This model's logits are no exact sum over its neurons and other components; "
            "safr_lens.explain(model, text) has activation times gradient instead."
        )
    last = backbone.n_layers - 1
    others = [name for name in backbone.residual_writers() if name != backbone.mlp_output(last)]
    scale = [] if backbone.readout_scale is None else [backbone.readout_scale]
    return [backbone.neurons(last), *scale, *([] if through_neurons else others)]


def decomposed(
    backbone: BackboneAdapter,
    seen: Mapping[str, Float[Tensor, "pos _"]],
    logits: Float[Tensor, " n_classes"],
    *,
    weights: Float[Tensor, " pos"],
    tokens: list[str],
    labels: tuple[str, ...],
) -> Decomposition:
    """Return the decomposition of one text from what its hook points hold; see ``HookedClassifier.decompose``."""
    last, readout = backbone.n_layers - 1, backbone.readout()
    weights = weights.unsqueeze(1)
    share = weights / (1.0 if backbone.readout_scale is None else seen[backbone.readout_scale])
    neurons = seen[backbone.neurons(last)].unsqueeze(-1) * readout.direct(backbone.w_out(last)) * share.unsqueeze(-1)
    writers = {name: called for name, called in backbone.residual_writers().items() if name in seen}
    others = {name: readout.direct(seen[name]) * share for name in writers}
    others["mlp_bias"] = readout.direct(backbone.b_out(last)) * share
    others["readout_bias"] = readout.bias * weights
    return Decomposition(
        tokens=tokens,
        labels=labels,
        logits=logits,
        neurons=neurons,
        others=others,
        other_names=writers | BIASES,
    )
