"""Which pairs of tokens tables and views show: by default those that the model's training compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.checks import check_choice, check_number
from safr_lens.errors import ConfigError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.compared import NAMES, ComparedPairs
from safr_lens.neurons.explanation import TextExplanation
from safr_lens.penalty.pairs import CHOICES, DEPENDENT
from safr_lens.penalty.relatedness import word_correlation
from safr_lens.word_vectors import Embeddings, analysis_vectors

N_PAIRS = 8  # that views list
THRESHOLDS = {"words": DEPENDENT["word_threshold"][2], "attention": DEPENDENT["threshold"][2]}


@dataclass(frozen=True)
class ShownPairs:
    """The pairs that a table or view shows.

    Attributes:
        pairs: ``"words"`` or ``"attention"``.
        threshold: the cosine, or the multiple of uniform attention, above which a pair is shown.
        vectors: of each token id, for words; None where there are none.
        compared: what the training of the model compared; None where that is not recorded.
        given: whether the vectors are the caller's and not those of the training.
    """

    pairs: str
    threshold: float
    vectors: Float[Tensor, "d_vocab d_embed"] | None = field(repr=False, compare=False)
    compared: ComparedPairs | None
    given: bool = False

    @property
    def name(self) -> str:
        """What is shown, in plain words."""
        return NAMES[self.pairs].format(self.threshold)

    @property
    def trained(self) -> bool:
        """Whether these are the pairs that the training compared."""
        known = self.compared
        return known is not None and (known.pairs, known.threshold) == (self.pairs, self.threshold)

    @property
    def note(self) -> str:
        """How they relate to what the training compared, in a sentence."""
        if self.trained:
            by = ", by the word vectors given here" if self.given else ""
            return f"These are the pairs that the model's training compared{by}."
        if self.compared is None:
            return "Which pairs the model's training compared, if any, is not recorded."
        if self.compared.pairs == "attention" and self.compared.threshold is None:
            return "The model's training weighted every pair by its attention in the first layer, without a threshold."
        return (
            f"The model's training compared {self.compared.name}{'' if self.compared.pairs == 'none' else ' instead'}."
        )

    @property
    def missing(self) -> str:
        """Why there is nothing to show, in a sentence; empty where there is."""
        if self.pairs == "attention" or self.vectors is not None:
            return ""
        source = f" (of {self.compared.source})" if self.compared and self.compared.source else ""
        return (
            f"To show {self.name} takes word vectors, and those of the training{source} are not stored with the model. "
            'Give them with word_vectors, or choose pairs="attention".'
        )

    def correlation(self, seen: TextExplanation, layer: int = -1) -> Float[Tensor, "pos pos"]:
        """Return how far each two tokens of a text are correlated, in [0, 1].

        Raises:
            ConfigError: pairs of words without word vectors.
        """
        if self.missing:
            raise ConfigError(self.missing)
        if self.pairs == "attention":
            return seen.correlation(layer, threshold=self.threshold)
        ids = seen.ids.cpu().unsqueeze(0)
        return word_correlation(ids, self.vectors, torch.ones_like(ids, dtype=torch.bool), self.threshold)[0]

    def of(self, model: HookedClassifier, other: HookedClassifier) -> ShownPairs:
        """Return the same pairs for another model, whose tokenizer may give other ids."""
        vectors = self.vectors
        if vectors is not None and model.tokenizer is not other.tokenizer:
            rows = {model.tokenizer.word(i): i for i in range(len(vectors))}
            places = [rows.get(other.tokenizer.word(i), -1) for i in range(other.tokenizer.d_vocab)]
            vectors = torch.cat([vectors, torch.full_like(vectors[:1], torch.nan)])[places]
        return replace(self, vectors=vectors, compared=other.compared)


def shown_pairs(
    model: HookedClassifier,
    *,
    pairs: str | None = None,
    threshold: float | None = None,
    word_vectors: Embeddings | None = None,
) -> ShownPairs:
    """Return which pairs to show of a model; arguments are those of :func:`safr_lens.pair_table`.

    By default related words where word vectors are given, else what the model's training compared, and attention where
    it compared nothing.

    Raises:
        ConfigError: an unknown choice, a threshold out of range, or vectors without a use.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> shown_pairs(model).name
    'pairs that attend to each other (above 2 times uniform attention)'
    >>> shown_pairs(model, word_vectors={"good": [1.0, 0.0], "film": [0.9, 0.1]}).name
    'pairs of related words (cosine above 0.5)'
    """
    compared = model.compared
    if pairs is None:
        recorded = compared.pairs if compared is not None and compared.pairs != "none" else "attention"
        pairs = recorded if word_vectors is None else "words"
    check_choice("pairs", pairs, CHOICES["pairs"])
    if pairs == "attention" and word_vectors is not None:
        raise ConfigError('Word vectors have no meaning with pairs="attention"; leave one of them out.')
    same = compared is not None and compared.pairs == pairs
    if threshold is None:
        threshold = compared.threshold if same and compared.threshold is not None else THRESHOLDS[pairs]
    check_number("threshold", threshold, low=0, high=0.999 if pairs == "words" else math.inf)
    vectors = None
    if pairs == "words":
        vectors = compared.vectors if same else None
        if word_vectors is not None:
            vectors = analysis_vectors(model.tokenizer, (), word_vectors)
    return ShownPairs(pairs, float(threshold), vectors, compared, given=word_vectors is not None)
