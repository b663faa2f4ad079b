"""Neurons that can be negative, such as GELU's: what terms and measures make of them."""

from __future__ import annotations

import pytest
import torch

from safr_lens.measures.formulas.class_selectivity import class_selectivity
from safr_lens.measures.formulas.superposition import capacity
from safr_lens.measures.formulas.token_selectivity import token_selectivity
from safr_lens.measures.streams.activity import NeuronActivity
from safr_lens.penalty.baselines import activation_l1, monosemanticity_loss
from safr_lens.penalty.importance import neuron_importance
from safr_lens.penalty.interaction import neuron_interaction


@pytest.fixture
def signed(random_batch):
    """Neurons on either side of 0, with a gradient."""
    batch = random_batch((5, 3, 1))
    neurons = torch.randn(batch.neurons.shape, generator=torch.Generator().manual_seed(3), requires_grad=True)
    return batch, neurons


def terms(batch, neurons) -> dict[str, torch.Tensor]:
    vectors = torch.randn(*neurons.shape[:2], 4, generator=torch.Generator().manual_seed(4))
    compared = (neurons, batch.importance, batch.correlation, batch.mask)
    return {
        "importance": neuron_importance(*compared),
        "interaction": neuron_interaction(*compared),
        "l1": activation_l1(neurons, batch.mask),
        "mono": monosemanticity_loss(neurons, vectors, batch.mask),
    }


def test_terms_stay_in_their_ranges_and_have_gradients(signed):
    batch, neurons = signed
    highest = {"importance": 2, "interaction": 2, "l1": float("inf"), "mono": 2}
    for name, value in terms(batch, neurons).items():
        assert 0 <= value.item() <= highest[name], name
        (gradient,) = torch.autograd.grad(value, neurons, retain_graph=True)
        assert gradient.isfinite().all() and gradient.any(), name


def test_the_sign_of_a_tokens_neurons_is_seen_by_interaction_alone(signed):
    """Overlap is squared in the importance term and absolute values are taken in L1; sharing a neuron has a sign."""
    batch, neurons = signed
    turned = neurons.detach().clone()
    turned[0, 1] *= -1
    before, after = terms(batch, neurons), terms(batch, turned)
    for name in ("importance", "l1"):
        torch.testing.assert_close(after[name], before[name].detach())
    assert abs(after["interaction"] - before["interaction"]) > 1e-3


def test_two_tokens_with_opposite_neurons_share_none(random_batch):
    h = torch.tensor([[[1.0, -2.0], [-1.0, 2.0]]])
    pair = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
    found = neuron_interaction(h, torch.ones(1, 2), pair, torch.ones(1, 2, dtype=torch.bool))
    assert found.item() == pytest.approx(2.0)


def test_measures_count_negative_activations_as_silence_or_by_their_size():
    activity = NeuronActivity(d_mlp=2)
    activity.update(torch.tensor([[-1.0, 3.0], [-2.0, -3.0]]))
    found = activity.result()
    assert found.alive.tolist() == [False, True] and found.firing_rate.tolist() == [0.0, 0.5]
    assert found.max.tolist() == [-1.0, 3.0] and found.lifetime_sparsity[1].item() == pytest.approx(0.0)
    means = torch.tensor([[2.0, -1.0], [-5.0, -2.0]])  # a type or class a row
    clipped = means.clamp_min(0)
    torch.testing.assert_close(class_selectivity(means), class_selectivity(clipped), equal_nan=True)
    torch.testing.assert_close(token_selectivity(means), token_selectivity(clipped), equal_nan=True)
    assert capacity(torch.tensor([[1.0, -1.0], [-1.0, 1.0]])).tolist() == pytest.approx([0.5, 0.5])
