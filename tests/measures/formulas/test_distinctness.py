"""The effective number of different neurons: known answers, a slow loop, and what must not matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from safr_lens.measures.formulas.distinctness import distinct_neurons, independent_neurons


def drawn(n_rows=30, d_mlp=12, seed=0):
    return torch.randn(n_rows, d_mlp, generator=torch.Generator().manual_seed(seed)).relu()


@pytest.mark.parametrize("n_rows", [5, 30])
def test_it_equals_a_slow_loop(n_rows):
    columns = [column.tolist() for column in drawn(n_rows).T]
    varying = [column for column in columns if max(column) > min(column)]
    total = sum(np.corrcoef(a, b)[0, 1] ** 2 for a in varying for b in varying)
    assert distinct_neurons(drawn(n_rows)) == pytest.approx(len(varying) ** 2 / total)


def test_it_is_the_participation_ratio_of_the_eigenvalues():
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(drawn().T.numpy()))
    assert distinct_neurons(drawn()) == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())


@pytest.mark.parametrize("n_copies", [1, 3, 50])
def test_copies_count_once(n_copies):
    kinds = torch.eye(8) + torch.eye(8).roll(4, 0)  # four kinds, uncorrelated but for the common mean
    orthogonal = torch.linalg.qr(torch.cat([torch.ones(8, 1), kinds[:, :4]], 1)).Q[:, 1:]
    copies = orthogonal.repeat(1, n_copies) * (torch.arange(4.0 * n_copies) + 1) - 2
    assert distinct_neurons(copies) == pytest.approx(4)


def test_a_thousand_neurons_for_one_word_are_one():
    assert distinct_neurons(torch.eye(50)[:, :1].expand(-1, 1000)) == pytest.approx(1)


def test_scale_offset_and_order_do_not_matter_and_dead_neurons_do_not_count():
    x, g = drawn(), torch.Generator().manual_seed(1)
    expected = distinct_neurons(x)
    changed = x * (torch.rand(12, generator=g) + 0.1) + torch.randn(12, generator=g)
    assert distinct_neurons(changed[:, torch.randperm(12, generator=g)]) == pytest.approx(expected, rel=1e-4)
    assert distinct_neurons(x[torch.randperm(30, generator=g)]) == pytest.approx(expected)
    assert distinct_neurons(torch.cat([x, torch.zeros(30, 5), torch.full((30, 2), 0.1)], 1)) == pytest.approx(expected)


def test_independent_neurons_are_at_their_null():
    x, g = drawn(60, 80), torch.Generator().manual_seed(2)
    permuted = [
        distinct_neurons(torch.stack([column[torch.randperm(60, generator=g)] for column in x.T], 1)) for _ in range(20)
    ]
    assert np.mean(permuted) == pytest.approx(independent_neurons(80, 60), rel=0.01)


def test_without_a_varying_neuron_it_is_undefined():
    assert math.isnan(distinct_neurons(torch.ones(4, 3)))
    assert math.isnan(independent_neurons(0, 5)) and math.isnan(independent_neurons(3, 1))
