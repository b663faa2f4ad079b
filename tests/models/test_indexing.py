"""Layers and neurons as people name them, and what they name by mistake."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from safr_lens.errors import ConfigError
from safr_lens.models.indexing import checked_layer, checked_layers, checked_neurons


@pytest.fixture(scope="module")
def two_layers(make_model):
    return make_model(n_layers=2)


@pytest.mark.parametrize(("layer", "number"), [(0, 0), (1, 1), (-1, 1), (-2, 0), (np.int64(1), 1)])
def test_layers_count_from_the_front_and_from_the_end(two_layers, layer, number):
    assert checked_layer(two_layers, layer) == number


@pytest.mark.parametrize("layer", [2, -3])
def test_a_layer_that_is_not_there_is_an_error(two_layers, layer):
    with pytest.raises(ConfigError, match=rf"no layer {layer}; it has 2 \(0 to 1\)"):
        checked_layer(two_layers, layer)


@pytest.mark.parametrize("layer", [True, 0.0, "0", None])
def test_a_layer_is_a_whole_number(two_layers, layer):
    with pytest.raises(ConfigError, match="A layer is a whole number"):
        checked_layer(two_layers, layer)


@pytest.mark.parametrize(
    ("neurons", "numbers"),
    [
        (3, [3]),
        ([5, 0], [5, 0]),
        (range(29, 32), [29, 30, 31]),
        (np.int64(4), [4]),
        (np.array([1, 2]), [1, 2]),
        (torch.tensor([7, 6]), [7, 6]),
        (torch.tensor(8), [8]),
        ((n for n in (1, 2)), [1, 2]),
    ],
)
def test_neurons_come_in_many_forms(two_layers, neurons, numbers):
    found = checked_neurons(two_layers, neurons)
    assert found == numbers and all(type(number) is int for number in found)


@pytest.mark.parametrize("neuron", [32, -1, 1000])
def test_a_neuron_that_is_not_there_is_an_error(two_layers, neuron):
    with pytest.raises(ConfigError, match=rf"no neuron {neuron}; it has 32 \(0 to 31\)"):
        checked_neurons(two_layers, [0, neuron])


@pytest.mark.parametrize("neurons", [True, [0, False], 1.0, [1.0], "3", ["3"], None, torch.tensor([True, False])])
def test_a_neuron_is_a_whole_number(two_layers, neurons):
    with pytest.raises(ConfigError, match="A neuron is a whole number"):
        checked_neurons(two_layers, neurons)


@pytest.mark.parametrize("neurons", [[], range(0), torch.tensor([], dtype=torch.long)])
def test_no_neuron_is_an_error(two_layers, neurons):
    with pytest.raises(ConfigError, match="No neuron named"):
        checked_neurons(two_layers, neurons)


def test_the_same_neuron_twice_is_an_error(two_layers):
    with pytest.raises(ConfigError, match="Neuron 4 is named 2 times"):
        checked_neurons(two_layers, [4, 1, 4])


def test_neurons_of_several_layers_come_lowest_layer_first(two_layers):
    assert list(checked_layers(two_layers, {-1: [2, 3], 0: 5}, layer=0).items()) == [(0, [5]), (1, [2, 3])]
    assert checked_layers(two_layers, [2], layer=-1) == {1: [2]}


def test_bad_layers_are_errors(two_layers):
    with pytest.raises(ConfigError, match="Layer 1 is named twice, once as -1"):
        checked_layers(two_layers, {1: 0, -1: 1}, layer=0)
    with pytest.raises(ConfigError, match="No layer named"):
        checked_layers(two_layers, {}, layer=0)
    with pytest.raises(ConfigError, match="no layer 5"):
        checked_layers(two_layers, {5: 0}, layer=0)
