"""A measure of what is no number would look like a measure: it is refused instead."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torch import Tensor

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.stream import Data, stream_activations
from safr_lens.errors import NotFiniteError
from safr_lens.models.classifier import HookedClassifier


def check_finite(what: str, values: Tensor) -> None:
    """Raise a NotFiniteError, which names what they are, unless all values are finite.

    >>> import torch
    >>> check_finite("the logits", torch.tensor([1.0, torch.nan]))
    Traceback (most recent call last):
        ...
    safr_lens.errors.NotFiniteError: 1 of 2 values of the logits are NaN or infinite, ...
    """
    finite = values.isfinite()
    if not bool(finite.all()):
        raise NotFiniteError(
            f"{int((~finite).sum()):,} of {values.numel():,} values of {what} are NaN or infinite, so that nothing can "
            "be measured. Look at the weights and at hooks that edit activations, or train at a lower learning rate."
        )


def finite_activations(
    model: HookedClassifier, data: Data, hooks: str | Iterable[str], **share: Any
) -> Iterator[ActivationBatch]:
    """Yield what :func:`safr_lens.activations.stream_activations` does, of hook points with a row a token or a text.

    Raises:
        NotFiniteError: an activation that is NaN or infinite, by the name of its hook point.
    """
    for batch in stream_activations(model, data, hooks, **share):
        for name, values in batch.activations.items():
            check_finite(name, values)
        yield batch
