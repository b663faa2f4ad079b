"""The SAFR terms as pure functions of tensors, and ``SafrPenalty`` that weighs them."""

from safr_lens.penalty.correlation import attention_correlation
from safr_lens.penalty.embedding import embedding_importance, embedding_interaction
from safr_lens.penalty.information import information
from safr_lens.penalty.neurons import density, neuron_importance, neuron_interaction, overlap
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.penalty.schedule import Schedule

__all__ = [
    "SafrPenalty",
    "Schedule",
    "attention_correlation",
    "density",
    "embedding_importance",
    "embedding_interaction",
    "information",
    "neuron_importance",
    "neuron_interaction",
    "overlap",
]
