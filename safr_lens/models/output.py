"""What a classifier returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from jaxtyping import Bool, Float
from torch import Tensor

from safr_lens.models.pooling import token_weights


@dataclass(frozen=True)
class ClassifierOutput:
    """Logits of a batch, and what they are made of.

    Attributes:
        logits: the mean of ``token_logits`` over the tokens of the text, or, by ``pooling``, those of its last token.
        token_logits: the logits read out at each position; a token contributes ``token_weights`` times them exactly.
        importance: VMASK's keep-probability q of each token, in [0, 1]; 0 at padding and special tokens.
        mask: True at the tokens of the texts; False at padding and special tokens.
        activations: the hook points asked for with ``capture``.
        pooling: ``"mean"`` or ``"last"``.
    """

    logits: Float[Tensor, "batch n_classes"]
    token_logits: Float[Tensor, "batch pos n_classes"]
    importance: Float[Tensor, "batch pos"]
    mask: Bool[Tensor, "batch pos"]
    activations: Mapping[str, Tensor] = field(default_factory=dict)
    pooling: str = "mean"

    def of_texts(self, texts: Bool[Tensor, " batch"]) -> ClassifierOutput:
        """Return the output with all but some texts as if they were padding."""
        return dataclasses.replace(self, mask=self.mask & texts.unsqueeze(1))

    @property
    def token_weights(self) -> Float[Tensor, "batch pos"]:
        """How much of each token's logits is in those of the text: ``1 / n`` at each of n tokens, or 1 at the last."""
        return token_weights(self.mask, self.pooling)

    @property
    def probabilities(self) -> Float[Tensor, "batch n_classes"]:
        """Softmax of the logits."""
        return self.logits.float().softmax(-1)
