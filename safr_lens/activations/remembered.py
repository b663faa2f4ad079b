"""Token vectors of a frozen encoder, kept in memory while a model is measured in several passes over the same texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from safr_lens.activations.token_vectors import Digest, at_text, digest, needs_encoder
from safr_lens.backbones import NeuronHeadAdapter
from safr_lens.backbones.neuron_head import knowing
from safr_lens.models.classifier import HookedClassifier

MOST_BYTES = 2**30


class RememberedVectors:
    """Runs an encoder on texts that it has not met, and remembers their token vectors, up to a gibibyte.

    Args:
        adapter: of a head on a frozen encoder.
    """

    def __init__(self, adapter: NeuronHeadAdapter) -> None:
        self.adapter = adapter
        self._vectors: dict[Digest, Tensor] = {}
        self._bytes = 0

    def __call__(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos d_model"]:
        """Return the token vectors of a batch."""
        text = self.adapter.text_positions(tokens, mask)
        keys = [digest(ids[real]) for ids, real in zip(tokens.cpu(), text.cpu(), strict=True)]
        if all(key in self._vectors for key in keys):
            return at_text(torch.cat([self._vectors[key] for key in keys]), text, self.adapter.embedding)
        vectors = self.adapter.encoder.run(tokens, mask)
        if not torch.is_grad_enabled():
            for key, row, real in zip(keys, vectors, text, strict=True):
                if key not in self._vectors and self._bytes < MOST_BYTES:
                    self._vectors[key] = row[real].clone()
                    self._bytes += self._vectors[key].numel() * row.element_size()
        return vectors


@contextmanager
def remembered_vectors(model: HookedClassifier, *others: HookedClassifier) -> Iterator[None]:
    """Run the frozen encoder of a model once for each text, for the length of a block.

    Whatever else a model is, or where a hook of the user changes something in its encoder, it runs as always.

    Args:
        model: a classifier.
        others: with the same encoder.
    """
    adapter = model.adapter
    if not isinstance(adapter, NeuronHeadAdapter) or adapter.known_vectors is not None or needs_encoder(adapter):
        yield
        return
    adapters = [one.adapter for one in (model, *others) if isinstance(one.adapter, NeuronHeadAdapter)]
    with knowing(RememberedVectors(adapter), *adapters):
        yield
