"""What a person sees: views that show themselves in notebooks and save themselves as one page."""

from safr_lens.views.allocation import allocation
from safr_lens.views.attention import attention
from safr_lens.views.contributions import contributions
from safr_lens.views.names import NeuronNames
from safr_lens.views.neuron import neuron
from safr_lens.views.superposition import superposition
from safr_lens.views.tokens import tokens
from safr_lens.views.view import View

__all__ = ["NeuronNames", "View", "allocation", "attention", "contributions", "neuron", "superposition", "tokens"]
