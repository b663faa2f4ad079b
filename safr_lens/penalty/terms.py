"""The terms that come with the package."""

from __future__ import annotations

from safr_lens.penalty.baselines import ActivationL1, Monosemanticity
from safr_lens.penalty.importance import NeuronImportance
from safr_lens.penalty.information import Information
from safr_lens.penalty.interaction import NeuronInteraction
from safr_lens.penalty.registry import register_term
from safr_lens.penalty.release import EmbeddingImportance, EmbeddingInteraction

# in the order in which histories list them
for term in (
    Information,
    NeuronImportance,
    NeuronInteraction,
    EmbeddingImportance,
    EmbeddingInteraction,
    ActivationL1,
    Monosemanticity,
):
    register_term(term)
