"""Which layer and which neurons are meant."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

from safr_lens.errors import ConfigError
from safr_lens.models.classifier import HookedClassifier
from safr_lens.visible import shown

Neurons = int | Iterable[int]


def checked_layer(model: HookedClassifier, layer: int) -> int:
    """Return the number of a layer, counted from 0; negative ones count from the end.

    Raises:
        ConfigError: no whole number, or a layer that the model does not have.
    """
    n_layers = model.config.n_layers
    number = _whole_number("layer", layer)
    if not -n_layers <= number < n_layers:
        raise ConfigError(f"The model has no layer {number}; it has {n_layers} (0 to {n_layers - 1}).")
    return number % n_layers


def checked_neurons(model: HookedClassifier, neurons: Neurons) -> list[int]:
    """Return the numbers of one or several neurons of a layer, in the order given.

    Raises:
        ConfigError: no neuron, one that is no whole number or that the layer does not have, or the same one twice.
    """
    listed = neurons.tolist() if hasattr(neurons, "tolist") else neurons
    listed = list(listed) if isinstance(listed, Iterable) and not isinstance(listed, (str, bytes)) else [listed]
    if not listed:
        raise ConfigError("No neuron named; expected one number or several, as in [3, 17].")
    numbers = [_whole_number("neuron", neuron) for neuron in listed]
    d_mlp = model.config.d_mlp
    for number in numbers:
        if not 0 <= number < d_mlp:
            raise ConfigError(f"The layer has no neuron {number}; it has {d_mlp} (0 to {d_mlp - 1}).")
        if numbers.count(number) > 1:
            raise ConfigError(f"Neuron {number} is named {numbers.count(number)} times; name each once.")
    return numbers


def checked_layers(
    model: HookedClassifier, neurons: Neurons | Mapping[int, Neurons], layer: int
) -> dict[int, list[int]]:
    """Return the neurons by layer, the lowest first, whether or not they were given by layer.

    Raises:
        ConfigError: as :func:`checked_layer` and :func:`checked_neurons`, or a layer that is named twice.
    """
    if not isinstance(neurons, Mapping):
        return {checked_layer(model, layer): checked_neurons(model, neurons)}
    if not neurons:
        raise ConfigError("No layer named; expected neurons by layer, as in {0: [3, 17]}.")
    by_layer: dict[int, list[int]] = {}
    for key, chosen in neurons.items():
        number = checked_layer(model, key)
        if number in by_layer:
            raise ConfigError(f"Layer {number} is named twice, once as {key}; name each once.")
        by_layer[number] = checked_neurons(model, chosen)
    return dict(sorted(by_layer.items()))


def _whole_number(what: str, value: Any) -> int:
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise ConfigError(f"A {what} is a whole number; got {shown(value, 60)}.")
