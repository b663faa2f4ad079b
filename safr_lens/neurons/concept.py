"""Which texts or tokens have a concept, however that is said, and the neurons at a sample with and without it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set, Sized
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.stream import Data
from safr_lens.errors import ConfigError, DataError
from safr_lens.measures.finite import finite_activations
from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.sampling import DrawnSample, leading_digits, token_draws
from safr_lens.visible import shown

Concept = Sequence[bool] | Sequence[Sequence[bool]] | Set[str] | Callable[[str], bool]
MIN_EACH = 4


@dataclass(frozen=True)
class Labeller:
    """What tells whether a text or token has the concept.

    Attributes:
        level: ``"text"`` or ``"token"``.
        n_texts: how many texts have labels; None where labels come from the words.
        of_batch: returns one label a text or token of a batch.
    """

    level: str
    n_texts: int | None
    of_batch: Callable[[ActivationBatch], Bool[Tensor, " n_samples"]]

    def check_length(self, n_texts: int) -> None:
        """Raise a DataError unless there are labels for so many texts."""
        if self.n_texts is not None and n_texts != self.n_texts:
            raise DataError(
                f"concept_labels has {self.n_texts} entries, but the data has {n_texts} texts; give each one."
            )


@dataclass(frozen=True)
class Samples:
    """Neurons at some texts or tokens.

    Attributes:
        neurons: one text (the mean over its real tokens) or token a row, to five digits.
        labels: whether it has the concept.
        texts: number in the data of the text that it is or stands in.
    """

    neurons: Float[Tensor, "n_samples d_mlp"]
    labels: Bool[Tensor, " n_samples"]
    texts: Int[Tensor, " n_samples"]

    def where(self, chosen: Bool[Tensor, " n_samples"]) -> Samples:
        """Return some of the samples."""
        return Samples(self.neurons[chosen], self.labels[chosen], self.texts[chosen])


def labeller_of(model: HookedClassifier, concept: Concept) -> Labeller:
    """Return what tells whether a text or token has a concept, from any of the forms in which one is given.

    Raises:
        ConfigError: something that is no concept.
        DataError: a label that is neither true nor false.
    """
    if isinstance(concept, (set, frozenset)):
        words = {str(word).lower() for word in concept}
        return _word_labeller(model, lambda word: word in words)
    if callable(concept):
        return _word_labeller(model, concept)
    listed = concept.tolist() if hasattr(concept, "tolist") else concept
    if not isinstance(listed, Iterable) or isinstance(listed, (str, bytes, dict)):
        raise ConfigError(
            "concept_labels is one bool a text, one sequence of bools a text, a set of words, or a function of a word; "
            f"got {type(concept).__name__}."
        )
    listed = [entry.tolist() if hasattr(entry, "tolist") else entry for entry in listed]
    if listed and all(isinstance(entry, (list, tuple)) for entry in listed):
        return Labeller("token", len(listed), _TokenLabels([_flags(entry, i) for i, entry in enumerate(listed)], model))
    flags = torch.tensor(_flags(listed, None), dtype=torch.bool)
    # texts beyond the labels are counted first and refused later, with both numbers
    return Labeller("text", len(listed), lambda batch: flags[batch.example.cpu().clamp_max(len(flags) - 1)])


def concept_samples(
    model: HookedClassifier, data: Data, labeller: Labeller, *, layer: int, max_samples: int, seed: int
) -> Samples:
    """Return the neurons at texts or tokens with the concept, and at as many others as ``max_samples`` leaves room for.

    Those with the concept are all kept up to half of ``max_samples``. Whatever does not fit is left out by a draw that
    does not depend on batches.

    Raises:
        DataError: labels that do not fit the data, or fewer than 4 samples with or without the concept.
    """
    if isinstance(data, Sized) and labeller.n_texts is not None:
        labeller.check_length(len(data))
    positives, negatives = DrawnSample(max_samples // 2), DrawnSample(max_samples)
    counts = {True: 0, False: 0}
    n_texts = 0
    for batch in finite_activations(model, data, name := model.adapter.readable_neurons(layer)):
        n_texts += len(batch.example)
        neurons, example, draws = _rows(batch, batch.activations[name].float(), labeller.level, seed)
        labels = labeller.of_batch(batch)
        for kept, wanted in ((positives, labels), (negatives, ~labels)):
            kept.add(draws[wanted], neurons[wanted.to(neurons.device)], example[wanted])
        counts[True] += int(labels.sum())
        counts[False] += int((~labels).sum())
    labeller.check_length(n_texts)
    _check_counts(counts, labeller.level)
    with_it = positives.columns()
    without = negatives.columns(max_samples - len(with_it[0]))
    labels = torch.arange(len(with_it[0]) + len(without[0])) < len(with_it[0])
    # in pieces, since rounding takes several times the memory of what it rounds
    neurons = torch.cat([leading_digits(piece) for rows in (with_it[0], without[0]) for piece in rows.split(1024)])
    return Samples(neurons, labels, torch.cat([with_it[1], without[1]]))


def _word_labeller(model: HookedClassifier, has_it: Callable[[str], bool]) -> Labeller:
    by_id = torch.tensor([bool(has_it(model.tokenizer.word(i).lower())) for i in range(model.tokenizer.d_vocab)])
    return Labeller("token", None, lambda batch: by_id[batch.tokens.cpu()])


@dataclass(frozen=True)
class _TokenLabels:
    flags: list[list[bool]]
    model: HookedClassifier

    def __call__(self, batch: ActivationBatch) -> Bool[Tensor, " n_tokens"]:
        per_text = zip(batch.example.tolist(), batch.lengths.tolist(), strict=True)
        return torch.tensor(list(chain.from_iterable(self._fitting(*text) for text in per_text)))

    def _fitting(self, example: int, n_tokens: int) -> list[bool]:
        if example >= len(self.flags):
            return [False] * n_tokens
        flags = self.flags[example]
        # a text that was cut may have labels for what was cut off
        if len(flags) == n_tokens or len(flags) > n_tokens == self.model.tokenizer.room(self.model.config.n_ctx):
            return flags[:n_tokens]
        raise DataError(
            f"concept_labels has {len(flags)} labels for text {example}, which has {n_tokens} tokens; give one a "
            "token of model.to_str_tokens(text)."
        )


def _flags(entries: Iterable[Any], text: int | None) -> list[bool]:
    flags = [entry.item() if hasattr(entry, "item") else entry for entry in entries]
    for place, flag in enumerate(flags):
        if not isinstance(flag, (bool, int)) or flag not in (0, 1):
            where = f"entry {place}" if text is None else f"token {place} of text {text}"
            raise DataError(
                f"concept_labels must hold True or False (1 or 0); got {shown(flag, 60)} at {where}. For one of "
                "several classes, compare: [label == 2 for label in labels]."
            )
    return [bool(flag) for flag in flags]


def _rows(batch: ActivationBatch, neurons: Tensor, level: str, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    if level == "token":
        example = batch.example[batch.rows].cpu()
        return neurons, example, token_draws(example, batch.positions, seed=seed)
    sums = neurons.new_zeros(len(batch.example), neurons.shape[1]).index_add_(0, batch.rows, neurons)
    example = batch.example.cpu()
    return sums / batch.lengths.unsqueeze(1), example, token_draws(example, torch.zeros_like(example), seed=seed)


def _check_counts(counts: dict[bool, int], level: str) -> None:
    for has_it, n in counts.items():
        if n < MIN_EACH:
            raise DataError(
                f"Only {n} of {sum(counts.values())} {level}s are {'with' if has_it else 'without'} the concept; a "
                f"probe needs at least {MIN_EACH} with it and {MIN_EACH} without."
            )
