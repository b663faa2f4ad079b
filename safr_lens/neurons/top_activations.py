"""The texts in which neurons are most active, as a table to read."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.stream import Data
from safr_lens.checks import check_number
from safr_lens.data.labelled_rows import labelled_rows
from safr_lens.data.tokenizer import without_surrogates
from safr_lens.errors import DataError
from safr_lens.measures.finite import finite_activations
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import Neurons, checked_layer, checked_neurons
from safr_lens.models.words import words_of
from safr_lens.neurons.top_metric import TopActivations, TopTokens

OnBatch: TypeAlias = Callable[[ActivationBatch, Tensor], None]
COLUMNS = ("neuron", "activation", "token", "before", "after", "position", "example", "label", "length")


def top_activations(
    model: HookedClassifier,
    data: Data,
    neuron: Neurons,
    k: int = 20,
    *,
    layer: int = -1,
    window: int = 8,
    on_batch: OnBatch | None = None,
) -> pd.DataFrame:
    """Return the ``k`` texts in which a neuron is most active, each with its most active token.

    The strongest examples show what drives a neuron at its peak, not what it does elsewhere: a neuron that answers to
    several words may show one of them alone. Activations that agree to five digits count as equal, and the text that
    comes first in the data stands first; see :class:`TopActivations`, which this builds on. The data is read twice, in
    the same order: for the activations, and for the winners as they stand in the text, unknown words too.

    Args:
        model: a classifier.
        data: texts, or rows with ``text`` and perhaps ``label``; those longer than the context are cut.
        neuron: one number or several.
        k: how many texts, at least 1.
        layer: by default the last.
        window: tokens of context on each side.
        on_batch: called with each batch of the pass, and the activations of the neurons at its tokens, a column each in
            the order of their numbers; for what else is wanted of the same pass.

    Returns:
        One row a text, sorted by ``neuron``, then the strongest ``activation`` first, then by ``example``; fewer than
        ``k`` where a neuron is above 0 in fewer texts. ``token`` is the most active one, ``before`` and ``after`` its
        context, ``position`` its place in the text, ``example`` the number of the text in the data, ``label`` its class
        name (missing where the data has none that the model knows), ``length`` its number of tokens. Word
        pieces are shown as the words they belong to; places and lengths then count words.

    Raises:
        ConfigError: ``k`` below 1, a negative ``window``, or a layer or neuron that the model does not have.
        DataError: data that can be read only once, or that holds other texts when it is read again.
        TextError: a text without a token.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> top_activations(model, ["A good film", "good"], range(32), k=1).columns.tolist()
    ['neuron', 'activation', 'token', 'before', 'after', 'position', 'example', 'label', 'length']
    """
    check_number("k", k, low=1, whole=True)
    check_number("window", window, low=0, whole=True)
    name = model.adapter.readable_neurons(checked_layer(model, layer))
    chosen = sorted(checked_neurons(model, neuron))
    if isinstance(data, Iterator):
        raise DataError("The data can be read only once, but its texts are read again to be shown; pass a list.")
    top = TopActivations(k, len(chosen))
    data = labelled_rows(data, model.labels)
    for batch in finite_activations(model, data, name):
        values = batch.activations[name][:, chosen].cpu()
        top.update(values, batch.example[batch.rows].cpu(), batch.positions.cpu())
        if on_batch is not None:
            on_batch(batch, values)
    # torchmetrics makes a number of a tensor with one entry
    strongest = TopTokens(*(part.reshape(k, len(chosen)) for part in top.compute()))
    return _table(model, data, strongest, chosen, window)


def context(text: str, tokens: Sequence[str], position: int, window: int) -> tuple[str, str]:
    """Return up to ``window`` tokens before and after a token, spaced as in the text.

    Where the tokens cannot be found in the text one after the other, as with some byte-level tokenizers, they are
    joined by spaces.

    >>> context("It's  warm, and moving", ["It", "'s", "warm", ",", "and", "moving"], position=2, window=2)
    ("It's", ', and')
    """
    first, end = max(0, position - window), min(len(tokens), position + 1 + window)
    clean = unicodedata.normalize("NFC", without_surrogates(text))
    spans = _spans(clean, tokens)

    def joined(start: int, stop: int) -> str:
        if start >= stop:
            return ""
        return clean[spans[start][0] : spans[stop - 1][1]] if spans else " ".join(tokens[start:stop])

    return joined(first, position), joined(position + 1, end)


def _table(
    model: HookedClassifier, data: Iterable[Mapping[str, Any]], top: TopTokens, chosen: list[int], window: int
) -> pd.DataFrame:
    texts = _texts(data, set(top.example[top.example >= 0].tolist()))
    read = {number: words_of(model, row["text"], truncate=True) for number, row in texts.items()}
    rows = []
    for column, neuron in enumerate(chosen):
        for value, example, position in zip(*(part[:, column].tolist() for part in top), strict=True):
            if example < 0:
                break
            words = read[example].tokens
            if position >= len(read[example].of_piece):
                raise _other_texts()
            position = read[example].of_piece[position]
            before, after = context(texts[example]["text"], words, position, window)
            label = _name(model, texts[example].get("label"))
            rows.append((neuron, value, words[position], before, after, position, example, label, len(words)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _texts(data: Iterable[Mapping[str, Any]], numbers: set[int]) -> dict[int, Mapping[str, Any]]:
    texts: dict[int, Mapping[str, Any]] = {}
    for number, row in enumerate(data):
        if len(texts) == len(numbers):
            break
        if number in numbers:
            texts[number] = row
    if len(texts) < len(numbers):
        raise _other_texts()
    return texts


def _name(model: HookedClassifier, label: int | None) -> str | None:
    return model.labels[label] if label is not None and 0 <= label < len(model.labels) else None


def _other_texts() -> DataError:
    return DataError(
        "The data gave other texts when it was read again; pass data that keeps its order, such as a list."
    )


def _spans(text: str, tokens: Sequence[str]) -> list[tuple[int, int]] | None:
    """Where each token stands in the text; None unless they stand there one after the other."""
    spans, end = [], 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0:
            return None
        end = start + len(token)
        spans.append((start, end))
    return spans
