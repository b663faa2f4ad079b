"""What a classifier is called with: token ids and a mask, checked."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from safr_lens.errors import TextError


def checked_ids(
    tokens: Int[Tensor, "*batch pos"],
    mask: Bool[Tensor, "*batch pos"] | None,
    *,
    pad_id: int,
    d_vocab: int,
    n_ctx: int,
    truncate: bool,
) -> tuple[Int[Tensor, "batch pos"], Bool[Tensor, "batch pos"]]:
    """Return token ids and mask with a batch dimension; without a mask, padding is told by its id.

    Raises:
        TextError: tensors of another type or shape, ids beyond the vocabulary, or more positions than the context when
            ``truncate`` is off.
    """
    tokens = torch.atleast_2d(tokens)
    mask = tokens != pad_id if mask is None else torch.atleast_2d(mask.bool())
    if tokens.ndim != 2 or tokens.is_floating_point() or mask.shape != tokens.shape:
        raise TextError(
            "Expected texts, or whole-number token ids of shape [batch, pos] and a mask of the same shape; got "
            f"{str(tokens.dtype).removeprefix('torch.')} of shape {list(tokens.shape)}, mask {list(mask.shape)}."
        )
    # on an accelerator, to look at the ids would wait for it at each step; it raises an error of its own there
    if tokens.device.type == "cpu" and tokens.numel() and not 0 <= int(tokens.min()) <= int(tokens.max()) < d_vocab:
        raise TextError(
            f"Expected token ids from 0 to {d_vocab - 1:,}; got {int(tokens.min()):,} to {int(tokens.max()):,}."
        )
    if truncate:
        tokens, mask = tokens[:, :n_ctx], mask[:, :n_ctx]
    if tokens.shape[1] > n_ctx:
        raise TextError(
            f"Token ids of {tokens.shape[1]:,} positions; the model reads at most {n_ctx:,}. "
            "Cut them with truncate=True."
        )
    return tokens, mask
