"""The neuron vectors of a split, a batch at a time, without padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from safr_lens.data.batching import batches
from safr_lens.errors import ConfigError
from safr_lens.models.backbone import neurons_hook
from safr_lens.models.classifier import HookedClassifier
from safr_lens.models.evaluating import evaluating

BATCH_SIZE = 128


@dataclass(frozen=True)
class TextNeurons:
    """The real tokens of one text and their neurons."""

    tokens: Int[Tensor, " pos"]
    neurons: Float[Tensor, "pos d_mlp"]
    example: int


def text_neurons(model: HookedClassifier, split: Iterable[dict[str, Any]], *, layer: int = -1) -> Iterator[TextNeurons]:
    """Yield the neurons of each text of a split, in evaluation mode, without gradient.

    Raises:
        ConfigError: a layer that the model does not have.
    """
    n_layers = model.config.n_layers
    if not -n_layers <= layer < n_layers:
        raise ConfigError(f"The model has no layer {layer}; it has {n_layers} (0 to {n_layers - 1}).")
    name = neurons_hook(layer % n_layers)
    for batch in batches(split, model.tokenizer, n_ctx=model.config.n_ctx, batch_size=BATCH_SIZE):
        with evaluating(model):
            seen = model(batch.tokens.to(model.device), batch.mask.to(model.device), capture=[name])
        neurons = seen.activations[name].float().cpu()
        for row, example in enumerate(batch.example.tolist()):
            yield TextNeurons(batch.tokens[row][batch.mask[row]], neurons[row][batch.mask[row]], example)
