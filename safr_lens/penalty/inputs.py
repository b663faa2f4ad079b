"""What a term may look at: one layer of one batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.models.output import ClassifierOutput
from safr_lens.penalty.correlation import attention_correlation
from safr_lens.penalty.overlap import overlap
from safr_lens.penalty.pairs import Pairs
from safr_lens.penalty.relatedness import across_texts, drawn_tokens, related, unit_or_zero, word_occurrences

NEEDS = ("embedding", "neurons", "pattern", "vectors", "compared")


@dataclass(frozen=True)
class TokenWords:
    """Which words the tokens of a batch are.

    Attributes:
        tokens: token ids.
        vectors: the word vector of each token id, where word vectors are used; NaN or zero where there is none.
        unit_vectors: the same at unit length and zero where there is none, where they were made once for all batches.
    """

    tokens: Int[Tensor, "batch pos"]
    vectors: Float[Tensor, "d_vocab d_embed"] | None = None
    unit_vectors: Float[Tensor, "d_vocab d_embed"] | None = None

    def unit(self, tokens: Int[Tensor, "batch pos"]) -> Float[Tensor, "batch pos d_embed"]:
        """Return the word vectors of tokens at unit length; zero where there is none.

        Without ``unit_vectors`` each of their distinct words is scaled once, and no other of a vocabulary that may be
        large.
        """
        if self.unit_vectors is not None:
            return self.unit_vectors[tokens]
        types, place = tokens.unique(return_inverse=True)
        return unit_or_zero(self.vectors[types])[place]


@dataclass(frozen=True)
class ComparedTokens:
    """Tokens that are compared in pairs; with scope ``"batch"`` the drawn tokens are one long text.

    Attributes:
        neurons: MLP activations, or the size of their evidence.
        importance: q, a constant: a penalty weighted by q could be lowered by calling its dear tokens unimportant.
        correlation: of each pair, in [0, 1].
        shares: one over how often a token's word occurs, where each pair of words counts once; else 1.
        mask: True at real tokens.
    """

    neurons: Float[Tensor, "batch pos d_mlp"]
    importance: Float[Tensor, "batch pos"]
    correlation: Float[Tensor, "batch pos pos"]
    shares: Float[Tensor, "batch pos"] | float
    mask: Bool[Tensor, "batch pos"]

    @cached_property
    def overlaps(self) -> Float[Tensor, "batch pos pos"]:
        """How far each pair shares its neurons, once for all terms."""
        return overlap(self.neurons)


@dataclass(frozen=True)
class TermInputs:
    """One layer of one batch; :attr:`Term.needs` says ahead what of it is looked at.

    Attributes:
        output: of the classifier.
        points: by need, the hook point where it is.
        words: the batch's tokens and their vectors.
        pairs: how tokens are compared.
        texts: those that compared tokens come from; by default all.
        effects: by which neurons are multiplied ahead of a comparison; by default by 1.
    """

    output: ClassifierOutput
    points: Mapping[str, str]
    words: TokenWords | None = None
    pairs: Pairs | None = None
    texts: Bool[Tensor, " batch"] | None = None
    effects: Float[Tensor, " d_mlp"] | None = None

    @property
    def mask(self) -> Bool[Tensor, "batch pos"]:
        """True at real tokens."""
        return self.output.mask

    @property
    def importance(self) -> Float[Tensor, "batch pos"]:
        """VMASK's q, in [0, 1]."""
        return self.output.importance

    @property
    def tokens(self) -> Int[Tensor, "batch pos"]:
        """Token ids."""
        return self.words.tokens

    @property
    def embedding(self) -> Float[Tensor, "batch pos d_model"]:
        """The embedding after VMASK's gate."""
        return self.output.activations[self.points["embedding"]]

    @property
    def neurons(self) -> Float[Tensor, "batch pos d_mlp"]:
        """MLP activations after the non-linearity."""
        return self.output.activations[self.points["neurons"]]

    @property
    def pattern(self) -> Float[Tensor, "batch head pos pos"]:
        """Attention, query by key."""
        return self.output.activations[self.points["pattern"]]

    @property
    def vectors(self) -> Float[Tensor, "batch pos d_embed"]:
        """The word vector of each token; NaN or zero where there is none."""
        return self.words.vectors[self.words.tokens]

    @cached_property
    def compared(self) -> ComparedTokens:
        """The tokens that are compared; drawn once, so that all terms see the same."""
        output = self.output if self.texts is None else self.output.of_texts(self.texts)
        neurons, q, mask, places = self.neurons, output.importance.detach(), output.mask, None
        tokens = None if self.words is None else self.words.tokens
        if self.pairs.scope == "batch":
            places = drawn_tokens(mask, self.pairs.batch_tokens)
            neurons, q = (values.flatten(0, 1).index_select(0, places).unsqueeze(0) for values in (neurons, q))
            tokens = None if tokens is None else tokens.flatten()[places].unsqueeze(0)
        kept = mask if places is None else torch.ones_like(q, dtype=torch.bool)
        unit = None if tokens is None or self.words.vectors is None else self.words.unit(tokens)
        shares = _shares(tokens, unit, kept) if self.pairs.counted_pairs == "words" else 1.0
        if self.pairs.pairs == "words":
            correlation = related(unit, kept, self.pairs.word_threshold)
        else:
            correlation = attention_correlation(self.pattern, mask, self.pairs.threshold)
            correlation = correlation if places is None else across_texts(correlation, places).unsqueeze(0)
        neurons = neurons if self.effects is None else neurons * self.effects
        return ComparedTokens(neurons, q, correlation, shares, kept)


def _shares(
    tokens: Int[Tensor, "batch pos"],
    unit: Float[Tensor, "batch pos d_embed"] | None,
    mask: Bool[Tensor, "batch pos"],
) -> Float[Tensor, "batch pos"]:
    occurrences = word_occurrences(tokens, mask)
    if unit is not None:  # different words may share the id of what has no vector: unknown and rare ones
        occurrences = occurrences.where(unit.any(-1), 1)
    return mask / occurrences
