"""The SAFR terms as pure functions of tensors, and ``SafrPenalty`` that weighs them."""

from safr_lens.penalty.correlation import attention_correlation
from safr_lens.penalty.embedding import embedding_importance, embedding_interaction
from safr_lens.penalty.information import information
from safr_lens.penalty.neurons import density, neuron_importance, neuron_interaction, overlap
from safr_lens.penalty.relatedness import across_texts, drawn_tokens, word_correlation
from safr_lens.penalty.rivals import activation_l1, monosemanticity_loss
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.penalty.schedule import Schedule
from safr_lens.penalty.terms import TokenWords

__all__ = [
    "SafrPenalty",
    "Schedule",
    "TokenWords",
    "across_texts",
    "activation_l1",
    "attention_correlation",
    "density",
    "drawn_tokens",
    "embedding_importance",
    "embedding_interaction",
    "information",
    "monosemanticity_loss",
    "neuron_importance",
    "neuron_interaction",
    "overlap",
    "word_correlation",
]
