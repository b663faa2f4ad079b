"""Weights and their gradients under the names and in the shapes of a checkpoint, whatever the backbone calls them."""

from __future__ import annotations

import torch
from torch import Tensor

from safr_lens import HookedClassifier


def saved_weights(model: HookedClassifier) -> dict[str, Tensor]:
    """Return the parameters as views: writing to one in place changes the model."""
    parameters = {parameter.data_ptr() for parameter in model.parameters()}
    return {name: value for name, value in model.state_dict().items() if value.data_ptr() in parameters}


def gradients(model: HookedClassifier) -> dict[str, Tensor]:
    """Return the gradient of each parameter, zero where there is none."""
    own = {parameter: parameter.data for parameter in model.parameters()}
    for parameter in own:
        parameter.data = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    found = {name: value.clone() for name, value in saved_weights(model).items()}
    for parameter, data in own.items():
        parameter.data = data
    return found
