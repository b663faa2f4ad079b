"""What a model says of one text, and all that the views and commands need to explain it."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from safr_lens.measures.serving import Serving, margin, serving
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.decompose import Decomposition
from safr_lens.models.evaluating import evaluating


@dataclass(frozen=True)
class Reading:
    """One text as one model reads it.

    Attributes:
        parts: the logits as an exact sum.
        tokens: as they stand in the text.
        probabilities: by class.
        predicted: the class with the largest logit.
        importance: VMASK's keep-probability of each token.
        evidence: what each token adds to the predicted class over the mean of the others, in logits.
        served: which neurons are behind it.
    """

    parts: Decomposition
    tokens: list[str]
    probabilities: Float[Tensor, " n_classes"]
    predicted: int
    importance: Float[Tensor, " pos"]
    evidence: Float[Tensor, " pos"]
    served: Serving


def read_text(model: HookedClassifier, text: str, *, truncate: bool = False) -> Reading:
    """Classify and decompose one text.

    Raises:
        TextError: a text that the model cannot read.
    """
    tokens, mask = model.to_tokens(text, truncate=truncate)
    with evaluating(model):
        output = model(tokens, mask)
    parts = model.decompose(text, truncate=truncate)
    predicted = int(parts.logits.argmax())
    return Reading(
        parts=parts,
        tokens=parts.tokens,
        probabilities=output.probabilities[0],
        predicted=predicted,
        importance=output.importance[0],
        evidence=margin(parts.by_token(), predicted),
        served=serving(parts),
    )
