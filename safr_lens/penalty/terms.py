"""The terms of one batch: which activations, tokens and pairs each formula is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.models.backbone import neurons_hook, pattern_hook
from safr_lens.models.output import ClassifierOutput
from safr_lens.penalty.correlation import attention_correlation
from safr_lens.penalty.embedding import embedding_importance, embedding_interaction
from safr_lens.penalty.neurons import neuron_importance, neuron_interaction
from safr_lens.penalty.relatedness import across_texts, drawn_tokens, word_correlation
from safr_lens.penalty.rivals import activation_l1, monosemanticity_loss

if TYPE_CHECKING:
    from safr_lens.penalty.safr import SafrPenalty

Terms = dict[str, Float[Tensor, ""]]


@dataclass(frozen=True)
class TokenWords:
    """Which words the tokens of a batch are.

    Attributes:
        tokens: token ids.
        vectors: the word vector of each token id, where word vectors are used; NaN or zero where there is none.
    """

    tokens: Int[Tensor, "batch pos"]
    vectors: Float[Tensor, "d_vocab d_embed"] | None = None

    @property
    def unknown(self) -> Bool[Tensor, " d_vocab"] | None:
        """Token ids without a word vector, where word vectors are used: padding, unknown and rare words."""
        return None if self.vectors is None else ~(self.vectors.isfinite().all(1) & self.vectors.any(1))


def neuron_terms(penalty: SafrPenalty, output: ClassifierOutput, layer: int, words: TokenWords | None) -> Terms:
    """Return SAFR's terms on the neurons of a layer; with scope ``"batch"`` the drawn tokens are one long text."""
    neurons, mask = output.activations[neurons_hook(layer)], output.mask
    # constant, since a penalty that is weighted by q could be lowered by calling its dear tokens unimportant
    q = output.importance.detach()
    places = None
    if penalty.scope == "batch":
        places = drawn_tokens(mask, penalty.batch_tokens)
        neurons, q = (values.flatten(0, 1)[places].unsqueeze(0) for values in (neurons, q))
    shares = _shares(words, output.mask, places) if penalty.counted_pairs == "words" else 1.0
    correlation = _correlation(penalty, output.activations[pattern_hook(layer)], mask, words, places)
    mask = mask if places is None else torch.ones_like(q, dtype=torch.bool)
    return {
        "importance": neuron_importance(neurons, q, correlation, mask, penalty.l1_ratio),
        "interaction": neuron_interaction(neurons, q * shares, correlation, mask),
    }


def _shares(words: TokenWords, mask: Tensor, places: Tensor | None) -> Float[Tensor, "batch pos"]:
    """Return one over the occurrences of each token's word, in its text or among drawn tokens; 1 for unknown words."""
    tokens = words.tokens if places is None else words.tokens.flatten()[places].unsqueeze(0)
    mask = mask if places is None else torch.ones_like(tokens, dtype=torch.bool)
    occurrences = ((tokens.unsqueeze(1) == tokens.unsqueeze(2)) & mask.unsqueeze(1)).sum(-1)
    if words.unknown is not None:
        occurrences = occurrences.where(~words.unknown[tokens], 1)
    return mask / occurrences.clamp_min(1)


def _correlation(
    penalty: SafrPenalty, pattern: Tensor, mask: Tensor, words: TokenWords | None, places: Tensor | None
) -> Float[Tensor, "batch pos pos"]:
    if penalty.pairs == "attention":
        attended = attention_correlation(pattern, mask, penalty.threshold)
        return attended if places is None else across_texts(attended, places).unsqueeze(0)
    tokens = words.tokens
    if places is not None:
        tokens = tokens.flatten()[places].unsqueeze(0)
        mask = torch.ones_like(tokens, dtype=torch.bool)
    return word_correlation(tokens, words.vectors, mask, penalty.word_threshold)


def embedding_terms(output: ClassifierOutput, layers: Iterable[int]) -> Terms:
    """Return the release's terms: one on the gated embedding, one on the attention of layers."""
    seen, mask = output.activations, output.mask
    interactions = [{"interaction": embedding_interaction(seen[pattern_hook(layer)], mask)} for layer in layers]
    return {"importance": embedding_importance(seen["hook_embed"], mask), **mean_terms(interactions)}


def rival_terms(output: ClassifierOutput, layer: int, words: TokenWords | None, names: tuple[str, ...]) -> Terms:
    """Return the named terms of rivals on the neurons of a layer."""
    terms = {}
    if "l1" in names:
        terms["l1"] = activation_l1(output.activations[neurons_hook(layer)], output.mask)
    if "mono" in names:
        vectors = words.vectors[words.tokens]
        terms["mono"] = monosemanticity_loss(output.activations[neurons_hook(layer)], vectors, output.mask)
    return terms


def mean_terms(layers: Sequence[Terms]) -> Terms:
    """Return the mean of each term over layers."""
    return {name: torch.stack([terms[name] for terms in layers]).mean() for name in layers[0]}
