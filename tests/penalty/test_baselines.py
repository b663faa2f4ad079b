"""Baselines (``l1.py``, ``monosemanticity.py``) against slow loops and by the properties that they share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas.monosemanticity import monosemanticity_score
from safr_lens.penalty import activation_l1, monosemanticity_loss
from tests.reference import slow_penalty as slow

few = settings(max_examples=15)
ragged = st.lists(st.integers(1, 7), min_size=1, max_size=4)
seeds = st.integers(0, 10_000)
TERMS = {
    "l1": lambda neurons, vectors, mask: activation_l1(neurons, mask),
    "mono": monosemanticity_loss,
}


def lists(*tensors):
    return [tensor.double().tolist() if tensor.is_floating_point() else tensor.tolist() for tensor in tensors]


@few
@given(lengths=ragged, seed=seeds)
def test_l1_equals_slow_loop(random_batch, lengths, seed):
    b = random_batch(lengths, seed=seed)
    assert activation_l1(b.neurons, b.mask).item() == pytest.approx(
        slow.activation_l1(*lists(b.neurons, b.mask)), abs=1e-5
    )


@few
@given(lengths=ragged, seed=seeds, n_unknown=st.integers(0, 3))
def test_mono_equals_slow_loop(random_batch, lengths, seed, n_unknown):
    b = random_batch(lengths, seed=seed)
    b.embed[0, :n_unknown] = torch.nan
    found = monosemanticity_loss(b.neurons, b.embed, b.mask)
    assert found.item() == pytest.approx(slow.monosemanticity_loss(*lists(b.neurons, b.embed, b.mask)), abs=1e-4)


def test_mono_is_one_minus_the_measure_of_the_same_name(random_batch):
    b = random_batch((6, 5, 4), seed=3)
    scores = monosemanticity_score(b.neurons[b.mask], b.embed[b.mask])
    assert monosemanticity_loss(b.neurons, b.embed, b.mask).item() == pytest.approx(
        1 - scores.nanmean().item(), abs=1e-5
    )


@pytest.mark.parametrize("name", list(TERMS))
@few
@given(lengths=ragged, n_extra=st.integers(1, 4), seed=seeds)
def test_what_stands_at_padding_never_matters(random_batch, name, lengths, n_extra, seed):
    b = random_batch(lengths, seed=seed)
    extra = torch.full((len(lengths), n_extra), 1e3)
    wide = [torch.cat([t, extra.unsqueeze(-1).expand(-1, -1, t.shape[-1])], 1) for t in (b.neurons, b.embed)]
    mask = torch.cat([b.mask, torch.zeros_like(extra, dtype=torch.bool)], 1)
    found, expected = TERMS[name](*wide, mask), TERMS[name](b.neurons, b.embed, b.mask)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", list(TERMS))
@few
@given(lengths=ragged, seed=seeds)
def test_the_order_of_positions_and_texts_does_not_matter(random_batch, name, lengths, seed):
    b = random_batch(lengths, seed=seed)
    g = torch.Generator().manual_seed(seed)
    texts, positions = torch.randperm(len(lengths), generator=g), torch.randperm(max(lengths), generator=g)
    moved = [t[texts][:, positions] for t in (b.neurons, b.embed, b.mask)]
    torch.testing.assert_close(TERMS[name](*moved), TERMS[name](b.neurons, b.embed, b.mask), atol=1e-5, rtol=0)


def test_l1_grows_with_the_scale_and_mono_does_not(random_batch):
    b = random_batch((6, 4), seed=1)
    torch.testing.assert_close(activation_l1(3 * b.neurons, b.mask), 3 * activation_l1(b.neurons, b.mask))
    scale = torch.rand(b.neurons.shape[-1]) + 0.1
    moved = monosemanticity_loss(b.neurons * scale + 5, b.embed, b.mask)
    torch.testing.assert_close(moved, monosemanticity_loss(b.neurons, b.embed, b.mask), atol=1e-4, rtol=0)


def test_l1_of_a_batch_is_the_mean_over_its_tokens(random_batch):
    b = random_batch((6, 2), seed=1)
    parts = [activation_l1(b.neurons[i : i + 1], b.mask[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(activation_l1(b.neurons, b.mask), (6 * parts[0] + 2 * parts[1]) / 8)


@pytest.mark.parametrize("name", list(TERMS))
def test_silent_and_single_tokens_give_finite_terms_and_gradients(random_batch, name):
    for lengths in ((1,), (1, 1), (5, 2)):
        b = random_batch(lengths, seed=2)
        neurons = b.neurons.clone()
        neurons[:, :, ::2] = 0.0
        neurons.requires_grad_()
        term = TERMS[name](neurons, b.embed, b.mask)
        assert term.shape == () and term.isfinite()
        term.backward()
        assert neurons.grad.isfinite().all()


def test_mono_falls_when_a_neuron_turns_to_one_kind_of_word():
    vectors = torch.tensor([[[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]])
    mask = torch.ones(1, 4, dtype=torch.bool)
    one_kind = torch.tensor([[[1.0], [1.0], [0.0], [0.0]]])
    mixed = torch.tensor([[[1.0], [0.0], [1.0], [0.0]]])
    assert monosemanticity_loss(one_kind, vectors, mask) < 0.05 < monosemanticity_loss(mixed, vectors, mask)


def test_mono_without_vectors_is_one_without_gradient():
    neurons = torch.rand(1, 3, 2, requires_grad=True)
    term = monosemanticity_loss(neurons, torch.full((1, 3, 4), torch.nan), torch.ones(1, 3, dtype=torch.bool))
    term.backward()
    assert term.item() == 1.0 and not neurons.grad.any()
