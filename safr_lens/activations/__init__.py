"""Activations over data of any size: streamed, and kept on disk."""

from safr_lens.activations.batch import ActivationBatch, TextActivations
from safr_lens.activations.store import ActivationStore, load_activations, save_activations
from safr_lens.activations.stream import stream_activations

__all__ = [
    "ActivationBatch",
    "ActivationStore",
    "TextActivations",
    "load_activations",
    "save_activations",
    "stream_activations",
]
