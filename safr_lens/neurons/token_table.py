"""The tokens of a text, as a table to read."""

from __future__ import annotations

import pandas as pd
from jaxtyping import Float
from torch import Tensor

from safr_lens.checks import check_number
from safr_lens.models.classifier import HookedClassifier
from safr_lens.neurons.explanation import TextExplanation, explain


def token_table(
    model: HookedClassifier, text: str | TextExplanation, *, top: int = 5, truncate: bool = False
) -> pd.DataFrame:
    """Return what the last MLP's neurons do at each token of a text, and what the token adds to the logits.

    A token stands for its position: what attention brought there from other tokens counts there.

    Args:
        model: a classifier.
        text: the text, or an explanation of it made before (:func:`safr_lens.explain`).
        top: how many neurons to list a token, at most.
        truncate: cut a text that is longer than the context instead of refusing it.

    Returns:
        One row a token, in the order of the text:

        - ``position`` and ``token``, as it stands in the text;
        - ``unknown``: whether the vocabulary lacks it, so that it is read as any other unknown word;
        - ``importance``: VMASK's keep-probability q, in [0, 1];
        - ``capacity`` of its neurons among those of the text's tokens (:func:`safr_lens.measures.capacity`): 1 where it
          has neurons of its own, NaN where all are silent;
        - ``active``: neurons above 0;
        - ``neurons_for_half``: the fewest neurons that make up half of its evidence for the predicted class;
        - ``neurons`` and ``shares``: the strongest of them, and their shares of it (see
          :class:`safr_lens.measures.attribution.Attribution`); those without evidence are left out;
        - ``logit_<label>``: what it adds to a class, through everything; these columns sum to the logits.

    Raises:
        ConfigError: ``top`` below 0.
        TextError: a text that the model cannot read.

    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> token_table(model, "A good film")[["position", "token"]].values.tolist()
    [[0, 'A'], [1, 'good'], [2, 'film']]
    """
    check_number("top", top, low=0, whole=True)
    seen = explain(model, text, truncate=truncate)
    parts, neurons = seen.parts, seen.neurons[-1]
    listed, shares = strongest_neurons(seen.attribution.share, top)
    adds = parts.by_token()
    return pd.DataFrame(
        {
            "position": range(len(seen.tokens)),
            "token": seen.tokens,
            "unknown": seen.unknown,
            "importance": seen.importance.tolist(),
            "capacity": seen.capacity().tolist(),
            "active": (neurons > 0).sum(1).tolist(),
            "neurons_for_half": seen.attribution.neurons_for_half(),
            "neurons": listed,
            "shares": shares,
            **{f"logit_{label}": adds[:, i].tolist() for i, label in enumerate(parts.labels)},
        }
    )


def strongest_neurons(parts: Float[Tensor, "n d_mlp"], top: int) -> tuple[list[list[int]], list[list[float]]]:
    """Return for each row its ``top`` largest entries above 0, the largest first: their numbers and their values.

    >>> import torch
    >>> strongest_neurons(torch.tensor([[0.25, 0.0, 0.75], [0.0, 0.0, 0.0]]), top=5)
    ([[2, 0], []], [[0.75, 0.25], []])
    """
    values, order = parts.topk(min(top, parts.shape[1]), dim=1)
    counts = (values > 0).sum(1).tolist()
    numbers = [row[:n] for row, n in zip(order.tolist(), counts, strict=True)]
    return numbers, [row[:n] for row, n in zip(values.tolist(), counts, strict=True)]
