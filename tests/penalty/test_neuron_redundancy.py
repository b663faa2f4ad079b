"""The term against copies of neurons, against a slow loop and by its properties."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens import SafrPenalty
from safr_lens.penalty import neuron_redundancy
from tests.reference import slow_penalty as slow

few = settings(max_examples=15)
ragged = st.lists(st.integers(1, 7), min_size=1, max_size=4)
seeds = st.integers(0, 10_000)


def everything(neurons):
    return torch.ones(neurons.shape[:2], dtype=torch.bool)


@few
@given(lengths=ragged, seed=seeds, n_dead=st.integers(0, 3))
def test_equals_slow_loop(random_batch, lengths, seed, n_dead):
    b = random_batch(lengths, seed=seed)
    b.neurons[:, :, :n_dead] = 0
    expected = slow.neuron_redundancy(b.neurons.double().tolist(), b.mask.tolist())
    assert neuron_redundancy(b.neurons, b.mask).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_k_copies_of_orthogonal_neurons_give_1_minus_1_over_k(k):
    neurons = torch.eye(4).repeat(1, k).unsqueeze(0) * torch.arange(1.0, 4 * k + 1)
    assert neuron_redundancy(neurons, everything(neurons)).item() == pytest.approx(1 - 1 / k, abs=1e-6)


def test_silence_is_not_redundant_and_has_a_finite_gradient():
    neurons = torch.zeros(2, 3, 4, requires_grad=True)
    found = neuron_redundancy(neurons, everything(neurons))
    found.backward()
    assert (found.item(), neurons.grad.abs().sum().item()) == (0.0, 0.0)
    mixed = torch.tensor([[[1.0, 0.0], [2.0, 0.0]]], requires_grad=True)
    neuron_redundancy(mixed, everything(mixed)).backward()
    assert mixed.grad.isfinite().all()


@few
@given(lengths=ragged, n_extra=st.integers(1, 4), seed=seeds)
def test_padding_order_and_scale_never_matter(random_batch, lengths, n_extra, seed):
    b = random_batch(lengths, seed=seed)
    found = neuron_redundancy(b.neurons, b.mask)
    extra = torch.full((len(lengths), n_extra, b.neurons.shape[2]), 1e3)
    padded = neuron_redundancy(
        torch.cat([b.neurons, extra], 1), torch.cat([b.mask, torch.zeros(extra.shape[:2], dtype=torch.bool)], 1)
    )
    torch.testing.assert_close(padded, found)
    order = torch.randperm(b.neurons.shape[2], generator=torch.Generator().manual_seed(seed))
    scaled = b.neurons[:, :, order] * torch.linspace(0.5, 3.0, len(order))
    torch.testing.assert_close(neuron_redundancy(scaled, b.mask), found)


def test_it_is_a_term_only_where_it_has_a_weight():
    assert "redundancy" not in SafrPenalty().weights(0.0)
    assert SafrPenalty(redundancy_weight=0.5).weights(0.0)["redundancy"] == 0.5
    assert "redundancy" not in SafrPenalty(site="none", redundancy_weight=0.5).weights(0.0)
