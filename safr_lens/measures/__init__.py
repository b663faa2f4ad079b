"""Measures of how readable neurons are, and of whether it matters."""

from safr_lens.measures.evaluation import Evaluation, evaluate
from safr_lens.measures.reliance import Reliance, reliance
from safr_lens.measures.selectivity import token_selectivity
from safr_lens.measures.summary import NeuronSummary, neuron_summary
from safr_lens.measures.superposition import capacity
from safr_lens.measures.type_means import TypeMeans, type_means

__all__ = [
    "Evaluation",
    "NeuronSummary",
    "Reliance",
    "TypeMeans",
    "capacity",
    "evaluate",
    "neuron_summary",
    "reliance",
    "token_selectivity",
    "type_means",
]
