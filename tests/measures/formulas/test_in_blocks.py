"""Neurons a few at a time: what all at once give."""

import torch

from safr_lens.measures.formulas.in_blocks import AT_ONCE, by_neurons


def test_every_neuron_is_met_once_and_in_its_place():
    table = torch.arange(3 * (2 * AT_ONCE + 5)).view(3, -1)
    widths = []

    def doubled(part):
        widths.append(part.shape[1])
        return 2 * part

    assert torch.equal(by_neurons(doubled, table), 2 * table)
    assert widths == [AT_ONCE, AT_ONCE, 5]


def test_figures_of_neurons_are_put_side_by_side():
    table = torch.randn(4, AT_ONCE + 1, generator=torch.Generator().manual_seed(0))
    assert torch.equal(by_neurons(lambda part: part.amax(0), table), table.amax(0))


def test_no_neuron_gives_none():
    assert by_neurons(lambda part: part.sum(0), torch.empty(4, 0)).shape == (0,)
