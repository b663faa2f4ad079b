"""Which class each word speaks for, from the training texts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from safr_lens.data.batching import batches
from safr_lens.data.tokenizer import TextTokenizer

SMOOTHING = 10.0


def class_shares(
    split: Iterable[dict[str, Any]],
    tokenizer: TextTokenizer,
    *,
    n_classes: int,
    n_ctx: int,
    smoothing: float = SMOOTHING,
) -> Float[Tensor, "d_vocab n_classes"]:
    r"""Return the shares of the classes among the texts that each word stands in, drawn towards those of all texts.

    .. math:: p_{wc} = \frac{n_{wc} + \alpha \pi_c}{n_w + \alpha}

    with :math:`n_{wc}` the texts of class c with the word w, :math:`\pi_c` the share of the class among all texts and
    :math:`\alpha` the smoothing: so many texts' worth of knowing nothing.

    Args:
        split: rows with ``text`` and ``label``.
        tokenizer: whose token ids are the words.
        n_classes: number of classes.
        n_ctx: longer texts are cut, as for the model.
        smoothing: alpha, above 0.

    Returns:
        One row a token id, summing to 1.

    >>> from safr_lens import train_tokenizer
    >>> rows = [{"text": "a dull film", "label": 0}, {"text": "a good film", "label": 1}]
    >>> tokenizer = train_tokenizer([row["text"] for row in rows], min_frequency=1)
    >>> shares = class_shares(rows, tokenizer, n_classes=2, n_ctx=8, smoothing=1.0)
    >>> shares[tokenizer.encode("dull film", n_ctx=8).ids]
    tensor([[0.7500, 0.2500],
            [0.5000, 0.5000]])
    """
    counts = torch.zeros(tokenizer.d_vocab, n_classes, dtype=torch.float64)
    texts = torch.zeros(n_classes, dtype=torch.float64)
    for batch in batches(split, tokenizer, n_ctx=n_ctx, batch_size=256):
        text, position = batch.mask.nonzero(as_tuple=True)
        seen = torch.unique(torch.stack([text, batch.tokens[text, position]]), dim=1)  # a word counts once a text
        labels = batch.labels[seen[0]]
        counts.index_put_((seen[1], labels), torch.ones(len(labels), dtype=torch.float64), accumulate=True)
        texts += torch.bincount(batch.labels, minlength=n_classes)
    prior = texts / texts.sum()
    shares = (counts + smoothing * prior) / (counts.sum(1, keepdim=True) + smoothing)
    return shares.float()
