"""What a corpus is made of, read ahead of any activation: types, lengths and labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.stream import Data, text_batches
from safr_lens.data.labels import check_labels
from safr_lens.data.unknown import is_unknown
from safr_lens.errors import DataError
from safr_lens.models.classifier import HookedClassifier


@dataclass(frozen=True)
class CorpusStatistics:
    """Counts of a corpus as a model reads it.

    Attributes:
        type_counts: how often each token id occurs.
        offsets: number of tokens in all texts before each text, and at the end the number of all tokens.
        labels: of each text; -1 where there is none.
        n_cut: how many texts were cut to the context.
        unknown_tokens: share of the tokens that the vocabulary lacks.
    """

    type_counts: Int[Tensor, " d_vocab"]
    offsets: Int[Tensor, " n_texts_and_1"]
    labels: Int[Tensor, " n_texts"]
    n_cut: int
    unknown_tokens: float = 0.0

    @property
    def n_texts(self) -> int:
        """Number of texts."""
        return len(self.labels)

    @property
    def n_tokens(self) -> int:
        """Number of real tokens."""
        return int(self.offsets[-1])

    @property
    def labelled(self) -> bool:
        """Whether every text has a label."""
        return bool((self.labels >= 0).all())

    def token_numbers(self, batch: ActivationBatch) -> Int[Tensor, " n_tokens"]:
        """Return the number of each token of a batch in the corpus."""
        return self.offsets.to(batch.rows.device)[batch.example[batch.rows]] + batch.positions


def corpus_statistics(model: HookedClassifier, data: Data) -> CorpusStatistics:
    """Count types, lengths and labels of a corpus; the model is not run.

    Raises:
        DataError: data without texts, that can be read only once, or with labels the model does not know.
    """
    if isinstance(data, Iterator):
        raise DataError("The data is read twice, but a generator gives it only once; pass a list or a data set.")
    counts = torch.zeros(model.tokenizer.d_vocab, dtype=torch.long)
    examples, lengths, labels, n_cut = [], [], [], 0
    for batch in text_batches(model, data):
        counts += torch.bincount(batch.tokens[batch.text], minlength=len(counts))
        examples.append(batch.example)
        lengths.append(batch.text.sum(1))
        labels.append(batch.labels)
        n_cut += batch.n_cut
    order = torch.cat(examples).argsort()
    ordered = torch.cat(labels)[order]
    check_labels(ordered, model.labels, may_lack=True)
    ends = torch.cat(lengths)[order].cumsum(0)
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), ends])
    return CorpusStatistics(counts, offsets, ordered, n_cut, _unknown_tokens(model, counts))


def _unknown_tokens(model: HookedClassifier, counts: Int[Tensor, " d_vocab"]) -> float:
    ids = torch.arange(len(counts))
    special = torch.isin(ids, ids.new_tensor(model.tokenizer.special_ids))
    return int(counts[is_unknown(model.tokenizer, ids)].sum()) / int(counts[~special].sum())
