"""Terms beside the cross-entropy: pure functions of tensors, and ``SafrPenalty`` that chooses and weighs them."""

from safr_lens.penalty.baselines import activation_l1, monosemanticity_loss
from safr_lens.penalty.correlation import attention_correlation
from safr_lens.penalty.importance import density, neuron_importance
from safr_lens.penalty.information import information
from safr_lens.penalty.inputs import ComparedTokens, TermInputs, TokenWords
from safr_lens.penalty.interaction import neuron_interaction
from safr_lens.penalty.overlap import overlap
from safr_lens.penalty.pairs import Pairs
from safr_lens.penalty.registry import register_term, registered_terms, unregister_term
from safr_lens.penalty.relatedness import across_texts, drawn_tokens, word_correlation
from safr_lens.penalty.release import embedding_importance, embedding_interaction
from safr_lens.penalty.safr import SafrPenalty
from safr_lens.penalty.schedule import Schedule
from safr_lens.penalty.term import Term

__all__ = [
    "ComparedTokens",
    "Pairs",
    "SafrPenalty",
    "Schedule",
    "Term",
    "TermInputs",
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
    "register_term",
    "registered_terms",
    "unregister_term",
    "word_correlation",
]
