"""What a classifier returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class ClassifierOutput:
    """Logits of a batch, and what they are made of.

    Attributes:
        logits: the mean of ``token_logits`` over the tokens of the text.
        token_logits: the logits read out at each position; each of n tokens contributes ``token_logits / n`` exactly.
        importance: VMASK's keep-probability q of each token, in [0, 1]; 0 at padding and special tokens.
        mask: True at the tokens of the texts; False at padding and special tokens.
        activations: the hook points asked for with ``capture``.
    """

    logits: Float[Tensor, "batch n_classes"]
    token_logits: Float[Tensor, "batch pos n_classes"]
    importance: Float[Tensor, "batch pos"]
    mask: Bool[Tensor, "batch pos"]
    activations: Mapping[str, Tensor] = field(default_factory=dict)

    def of_texts(self, texts: Bool[Tensor, " batch"]) -> ClassifierOutput:
        """Return the output with all but some texts as if they were padding."""
        return dataclasses.replace(self, mask=self.mask & texts.unsqueeze(1))

    @property
    def probabilities(self) -> Float[Tensor, "batch n_classes"]:
        """Softmax of the logits."""
        return self.logits.float().softmax(-1)
