"""The logits of a text as an exact sum over (token, neuron) pairs and the other components."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.models.backbone import neurons_hook
from safr_lens.models.evaluating import evaluating

if TYPE_CHECKING:
    from safr_lens.models.classifier import HookedClassifier


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
    """

    tokens: list[str]
    labels: tuple[str, ...]
    logits: Float[Tensor, " n_classes"]
    neurons: Float[Tensor, "pos d_mlp n_classes"]
    others: Mapping[str, Float[Tensor, "pos n_classes"]]

    def total(self) -> Float[Tensor, " n_classes"]:
        """Sum of all contributions."""
        return self.by_token().sum(0)

    def by_token(self) -> Float[Tensor, "pos n_classes"]:
        """What each token adds, through all components."""
        return self.neurons.sum(1) + torch.stack(list(self.others.values())).sum(0)

    def by_neuron(self) -> Float[Tensor, "d_mlp n_classes"]:
        """What each neuron adds, over all tokens."""
        return self.neurons.sum(0)


def decompose(model: HookedClassifier, text: str, *, truncate: bool = False) -> Decomposition:
    """Decompose the logits of a text exactly.

    A component v of the residual that is read out at position i adds

    .. math:: \\frac{1}{n}\\,\\frac{(v - \\bar v) \\odot w}{\\sigma_i} W_U

    with n real tokens, the final LayerNorm's weight w and its scale :math:`\\sigma_i` at that position, taken as it is
    (this is what makes the sum exact); for neuron k, ``v = h[i, k] W_out[k]``.

    Args:
        model: a classifier, with either readout.
        text: the text.
        truncate: cut a text that is longer than the context instead of refusing it.

    Returns:
        Contributions that sum to the logits up to float error (below 1e-4).

    Raises:
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig
    >>> from safr_lens.data import train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> model = HookedClassifier.from_config(
    ...     ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8), tokenizer=tokenizer, labels=["bad", "good"])
    >>> parts = model.decompose("a good film")
    >>> torch.allclose(parts.total(), parts.logits, atol=1e-4)
    True
    """
    tokens, mask = model.to_tokens(text, truncate=truncate)
    last = model.config.n_layers - 1
    names = [neurons_hook(last), "ln_final.hook_scale", *_others(model)]
    with evaluating(model):
        output = model(tokens, mask, capture=names)
        seen = {name: output.activations[name][0].float() for name in names}
        backbone = model.backbone
        read = (backbone.ln_final.w.unsqueeze(1) * backbone.W_U).float()
        mlp = backbone.blocks[last].mlp

        def direction(component: Tensor) -> Tensor:
            return (component - component.mean(-1, keepdim=True)) @ read

        scale = seen["ln_final.hook_scale"] * tokens.shape[1]
        neurons = seen[neurons_hook(last)].unsqueeze(-1) * direction(mlp.W_out.float()) / scale.unsqueeze(-1)
        others = {name: direction(seen[name]) / scale for name in _others(model)}
        others["mlp_bias"] = direction(mlp.b_out.float()).unsqueeze(0) / scale
        bias = (backbone.ln_final.b @ backbone.W_U + backbone.b_U).float()
        others["readout_bias"] = bias.expand(tokens.shape[1], -1) / tokens.shape[1]
    return Decomposition(
        tokens=model.to_str_tokens(text, truncate=truncate),
        labels=model.labels,
        logits=output.logits[0].float(),
        neurons=neurons,
        others=others,
    )


def _others(model: HookedClassifier) -> list[str]:
    """Hook points that write to the residual that is read out, beside the last MLP."""
    if model.config.readout == "neurons":
        return []
    names = ["hook_embed"]
    if model.config.positional_embedding_type == "standard":
        names.append("hook_pos_embed")
    for layer in range(model.config.n_layers):
        names.append(f"blocks.{layer}.hook_attn_out")
        if layer < model.config.n_layers - 1:
            names.append(f"blocks.{layer}.hook_mlp_out")
    return names
