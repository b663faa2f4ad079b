"""Which neurons a prediction is attributed to, token by token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.measures.formulas.evidence import neurons_for_half
from safr_lens.models.decompose import Decomposition


@dataclass(frozen=True)
class Attribution:
    """What the neurons of the last MLP add to a prediction at each token.

    Attributes:
        evidence: what each neuron adds at each token to the predicted class over the mean of the others, in logits.
        share: its absolute value over the sum of all neurons' at that token; rows sum to 1 (0 at a silent token).
    """

    evidence: Float[Tensor, "pos d_mlp"]
    share: Float[Tensor, "pos d_mlp"]

    def neurons_for_half(self) -> list[int]:
        """Return for each token the fewest neurons that make up half of its evidence; 0 for a silent one."""
        return neurons_for_half(self.evidence).tolist()

    def top_neurons(self, k: int) -> list[int]:
        """Return the ``k`` neurons with the most absolute evidence in the text, the strongest first."""
        total = self.evidence.abs().sum(0)
        return total.topk(min(k, len(total))).indices.tolist()


def margin(contributions: Float[Tensor, "... n_classes"], predicted: int) -> Float[Tensor, ...]:
    """Return the contribution to the predicted class minus the mean of those to the other classes.

    >>> margin(torch.tensor([1.0, 4.0]), 1)
    tensor(3.)
    """
    n_classes = contributions.shape[-1]
    chosen = contributions[..., predicted]
    return chosen - (contributions.sum(-1) - chosen) / (n_classes - 1)


def attribution(parts: Decomposition) -> Attribution:
    """Return what the neurons add to the prediction of a decomposed text."""
    evidence = margin(parts.neurons, int(parts.logits.argmax()))
    size = evidence.abs()
    return Attribution(evidence, size / size.sum(1, keepdim=True).clamp_min(torch.finfo(size.dtype).tiny))
