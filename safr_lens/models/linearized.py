"""What neurons do for the logits of a model that is not linear in them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from safr_lens.backbones.edits import Edits
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.decompose import Decomposition
from safr_lens.models.evaluating import evaluating


def linearized(
    model: HookedClassifier, tokens: Int[Tensor, "1 pos"], mask: Bool[Tensor, "1 pos"], *, words: list[str]
) -> Decomposition:
    r"""Return the logits of a text as activation times gradient of the last layer's neurons, and the rest.

    Neuron k at token i counts as :math:`h_{ik} \, \partial z_c / \partial h_{ik}`, in logits of class c: exact for a
    model that is linear in its neurons, else the first-order change that setting the neuron to 0 would make. What it
    leaves of the logits, among it all that special tokens do, is shared out evenly among the tokens, so that the parts
    sum to the logits.

    Args:
        model: a classifier.
        tokens, mask: of one text.
        words: its tokens as they stand in it.

    Source: input times gradient, Shrikumar et al. 2016 (arXiv 1605.01713), at an inner layer.
    """
    name = model.adapter.neurons(model.config.n_layers - 1)
    held: dict[str, Tensor] = {}

    def leaf(value: Tensor) -> Tensor:
        held["neurons"] = value.detach().requires_grad_()
        return held["neurons"]

    with evaluating(model), torch.enable_grad(), Edits(before=[(name, leaf)]).around(model.hook_dict):
        output = model(tokens, mask)
        neurons, text, logits = held["neurons"], output.mask[0], output.logits[0]
        gradients = [torch.autograd.grad(one, neurons, retain_graph=True)[0][0] for one in logits]
    adds = (neurons[0].unsqueeze(-1) * torch.stack(gradients, -1))[text].detach().float()
    logits = logits.detach().float()
    rest = (logits - adds.sum((0, 1))) / len(words)
    return Decomposition(
        tokens=words,
        labels=model.labels,
        logits=logits,
        neurons=adds,
        others={"rest": rest.expand(len(words), -1)},
        other_names={"rest": "all that is not linear in these neurons"},
    )
