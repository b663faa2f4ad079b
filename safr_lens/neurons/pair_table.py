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
from safr_lens.neurons.token_table import strongest_neurons
from safr_lens.penalty.overlap import TINY


def pair_table(
    model: HookedClassifier,
    text: str | TextExplanation,
    *,
    layer: int = -1,
    threshold: float = 2.0,
    top: int = 5,
    truncate: bool = False,
) -> pd.DataFrame:
    r"""Return for each pair of tokens of a text whether attention correlates them, and which neurons they share.

    .. math:: overlap_{ij} = \sum_n \frac{h_{in} h_{jn}}{\|h_i\| \|h_j\|}

    Args:
        model: a classifier.
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
        layer: whose attention and neurons; by default the last.
        threshold: attention in multiples of uniform attention above which a pair counts as correlated.
        top: how many neurons to list a pair, at most.
        truncate: cut a text that is longer than the context instead of refusing it.

    Returns:
        One row a pair i < j, the highest ``correlation`` first, then the highest ``overlap``:

        - ``first``, ``second``, ``token_first``, ``token_second``: positions, and tokens as they stand in the text;
        - ``correlation``: C in [0, 1], 1 for the most correlated pair of the text
          (:func:`safr_lens.penalty.attention_correlation`);
        - ``overlap``: cosine of the two tokens' neurons, in [-1, 1]; 0 with a token whose neurons are all silent;
        - ``shared``: neurons above 0 at both;
        - ``neurons`` and ``shares``: those that the overlap is made of, and their terms of its sum; none at or below 0.

        A text of one token has no row.

    Raises:
        ConfigError: a layer that the model does not have, or a negative ``threshold`` or ``top``.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> table = pair_table(model, "a good film")
    >>> sorted(zip(table["token_first"], table["token_second"]))
    [('a', 'film'), ('a', 'good'), ('good', 'film')]
    """
    check_number("threshold", threshold, low=0)
    check_number("top", top, low=0, whole=True)
    layer = checked_layer(model, layer)
    seen = explain(model, text, truncate=truncate)
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
            "correlation": seen.correlation(layer, threshold=threshold)[first, second].tolist(),
            "overlap": seen.overlap(layer)[first, second].tolist(),
            "shared": (active @ active.T)[first, second].long().tolist(),
            "neurons": listed,
            "shares": shares,
        }
    )
    return table.sort_values(["correlation", "overlap"], ascending=False, kind="stable", ignore_index=True)


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
