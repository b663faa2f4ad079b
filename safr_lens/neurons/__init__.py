"""Single neurons: what they answer to, what depends on them, and which of them detect a concept."""

from safr_lens.neurons.ablate import ablate
from safr_lens.neurons.effects import ablation_effects
from safr_lens.neurons.explanation import TextExplanation, explain
from safr_lens.neurons.pair_table import pair_table
from safr_lens.neurons.probe import Probe, sparse_probe
from safr_lens.neurons.reference import mean_neurons, reference_neurons
from safr_lens.neurons.table import neuron_table
from safr_lens.neurons.token_table import token_table
from safr_lens.neurons.top_activations import top_activations
from safr_lens.neurons.top_metric import TopActivations, TopTokens

__all__ = [
    "Probe",
    "TextExplanation",
    "TopActivations",
    "TopTokens",
    "ablate",
    "ablation_effects",
    "explain",
    "mean_neurons",
    "neuron_table",
    "pair_table",
    "reference_neurons",
    "sparse_probe",
    "token_table",
    "top_activations",
]
