"""The loss of one batch: the one place where terms meet their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from safr_lens.backbones.protocol import BackboneAdapter
from safr_lens.data.batching import Batch
from safr_lens.models.output import ClassifierOutput
from safr_lens.penalty.inputs import TokenWords
from safr_lens.penalty.safr import SafrPenalty

Forward = Callable[..., ClassifierOutput]


def batch_terms(
    forward: Forward,
    batch: Batch,
    penalty: SafrPenalty,
    *,
    backbone: BackboneAdapter,
    vectors: Float[Tensor, "d_vocab d_embed"] | None = None,
    unit_vectors: Float[Tensor, "d_vocab d_embed"] | None = None,
    k: int | None = None,
) -> dict[str, Float[Tensor, ""]]:
    """Return the cross-entropy and every term of the penalty, by name and unweighted.

    Args:
        forward: the classifier, or a wrapper of it such as DDP's; ``backbone`` is its own.
        batch, penalty: of which texts, and which terms.
        vectors: a word vector for each token id, where the penalty needs them.
        unit_vectors: the same at unit length (:func:`~safr_lens.penalty.relatedness.unit_or_zero`); else they are
            scaled for each batch.
        k: neurons that a token keeps at this step, where the model keeps its largest alone.
    """
    capture = penalty.hook_names(backbone)
    texts = half_of(batch.tokens) if penalty.gates == "apart" else None
    kept = {} if texts is None else {"constant_gates": texts}
    output = forward(batch.tokens, batch.mask, capture=capture, k=k, **kept)
    cross_entropy = F.cross_entropy(output.logits.float(), batch.labels)
    terms = penalty.terms(output, backbone, TokenWords(batch.tokens, vectors, unit_vectors), texts=texts)
    return {"cross_entropy": cross_entropy, **terms}


def half_of(tokens: Int[Tensor, "batch pos"]) -> Bool[Tensor, " batch"]:
    """Draw half of the texts, of an odd number as often one more than half as one less."""
    n = len(tokens)
    n_drawn = (n + int(torch.randint(2, ()))) // 2
    drawn = torch.zeros(n, dtype=torch.bool)
    drawn[torch.randperm(n)[:n_drawn]] = True
    return drawn.to(tokens.device)


def weighted_sum(terms: Mapping[str, Float[Tensor, ""]], weights: Mapping[str, float]) -> Float[Tensor, ""]:
    """Return cross-entropy plus the weighted terms."""
    return terms["cross_entropy"] + sum(weight * terms[name] for name, weight in weights.items())
