"""The pairs of tokens of a text, as a table to read."""

from __future__ import annotations

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.checks import check_number
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.indexing import checked_layer
from safr_lens.neurons.explanation import TextExplanation, explain
from safr_lens.neurons.shown_pairs import ShownPairs, shown_pairs
from safr_lens.neurons.token_table import strongest_neurons
from safr_lens.penalty.overlap import TINY
from safr_lens.word_vectors import Embeddings


def pair_table(
    model: HookedClassifier,
    text: str | TextExplanation,
    *,
    layer: int = -1,
    pairs: str | None = None,
    threshold: float | None = None,
    word_vectors: Embeddings | None = None,
    top: int = 5,
    truncate: bool = False,
) -> pd.DataFrame:
    r"""Return for each pair of tokens of a text whether they are correlated, and which neurons they share.

    Correlated are the pairs that the model's training compared, if its penalty compared any: related words, or tokens
    that attend to each other.

    .. math:: overlap_{ij} = \sum_n \frac{h_{in} h_{jn}}{\|h_i\| \|h_j\|}

    Args:
        model: a classifier.
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
        layer: whose attention and neurons; by default the last.
        pairs: ``"words"`` (related words) or ``"attention"`` (tokens that attend to each other); by default what the
            training compared, and attention where it compared nothing.
        threshold: the cosine of word vectors, or the multiple of uniform attention, above which a pair counts as
            correlated; by default that of the training, else 0.5 and 2.
        word_vectors: for ``"words"``; by default those of the training, which a run keeps.
        top: how many neurons to list a pair, at most.
        truncate: cut a text that is longer than the context instead of refusing it.

    Returns:
        One row a pair i < j, the highest ``correlation`` first, then the highest ``overlap``; ``attrs["pairs"]`` names
        the correlated pairs:

        - ``first``, ``second``, ``token_first``, ``token_second``: positions, and tokens as they stand in the text;
        - ``pairs``: ``"words"`` or ``"attention"``;
        - ``correlation``: in [0, 1]; T of :func:`safr_lens.penalty.word_correlation` (1 for two of the same word), or C
          of :func:`safr_lens.penalty.attention_correlation` (1 for the most correlated pair of the text);
        - ``overlap``: cosine of the two tokens' neurons, in [-1, 1]; 0 with a token whose neurons are all silent;
        - ``shared``: neurons above 0 at both;
        - ``neurons`` and ``shares``: those that the overlap is made of, and their terms of its sum; none at or below 0.

        A text of one token has no row.

    Raises:
        ConfigError: a layer that the model does not have, a ``threshold`` or ``top`` out of range, or related words
            without word vectors.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> table = pair_table(model, "a good film")
    >>> sorted(zip(table["token_first"], table["token_second"]))
    [('a', 'film'), ('a', 'good'), ('good', 'film')]
    """
    shown = shown_pairs(model, pairs=pairs, threshold=threshold, word_vectors=word_vectors)
    check_number("top", top, low=0, whole=True)
    layer = checked_layer(model, layer)
    seen = explain(model, text, truncate=truncate)
    return pairs_of(seen, shown, layer=layer, top=top)


def pairs_of(seen: TextExplanation, shown: ShownPairs, *, layer: int = -1, top: int = 5) -> pd.DataFrame:
    """Return the table of :func:`pair_table` for pairs that are chosen already."""
    neurons, words = seen.neurons[layer], seen.tokens
    first, second = torch.triu_indices(len(words), len(words), offset=1, device=neurons.device)
    listed, shares = _shared_neurons(neurons, top)
    active = (neurons > 0).double()
    table = pd.DataFrame(
        {
            "first": first.tolist(),
            "second": second.tolist(),
            "token_first": [words[i] for i in first.tolist()],
            "token_second": [words[j] for j in second.tolist()],
            "pairs": shown.pairs,
            "correlation": shown.correlation(seen, layer).to(first.device)[first, second].tolist(),
            "overlap": seen.overlap(layer)[first, second].tolist(),
            "shared": (active @ active.T)[first, second].long().tolist(),
            "neurons": listed,
            "shares": shares,
        }
    )
    table = table.sort_values(["correlation", "overlap"], ascending=False, kind="stable", ignore_index=True)
    table.attrs["pairs"] = shown.name
    return table


def _shared_neurons(neurons: Float[Tensor, "pos d_mlp"], top: int) -> tuple[list[list[int]], list[list[float]]]:
    unit = neurons / neurons.norm(dim=1, keepdim=True).clamp_min(TINY)
    numbers: list[list[int]] = []
    values: list[list[float]] = []
    # one first token at a time: all pairs times all neurons of a long text would be large
    for i in range(len(unit) - 1):
        shared = strongest_neurons(unit[i] * unit[i + 1 :], top)
        numbers += shared[0]
        values += shared[1]
    return numbers, values
