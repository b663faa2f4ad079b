"""Coherence and the Welch bound: the formula, known answers and limits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas import coherence as module
from safr_lens.measures.formulas.coherence import coherence, welch_bound
from tests.reference import slow_superposition as slow

few = settings(max_examples=25)
seeds = st.integers(0, 10_000)


def random(*shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def simplex(dim):
    """dim + 1 directions in dim dimensions, all pairs at the same angle."""
    corners = torch.eye(dim + 1, dtype=torch.float64) - 1 / (dim + 1)
    return corners @ torch.linalg.svd(corners).Vh[:dim].T


@few
@given(n=st.integers(2, 12), dim=st.integers(1, 6), seed=seeds, level=st.floats(0, 1))
def test_coherence_equals_slow_loop(n, dim, seed, level):
    features = random(n, dim, seed=seed)
    ordered = slow.absolute_cosines(features.double().tolist())
    expected = [slow.quantile(ordered, at) for at in (level, 0.0, 1.0)]
    assert coherence(features, (level, 0.0, 1.0)).cosines == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("dim", [2, 3, 10])
def test_a_simplex_reaches_the_welch_bound(dim):
    found = coherence(simplex(dim))
    assert found.cosines == pytest.approx([1 / dim] * 4, abs=1e-6)
    assert found.welch_bound == pytest.approx(1 / dim)


def test_orthogonal_features_have_coherence_0():
    basis = torch.linalg.qr(random(6, 6, seed=0).double())[0]
    found = coherence(basis)
    assert found.cosines == pytest.approx([0.0] * 4, abs=1e-7)
    assert found.welch_bound == 0.0


def test_a_pentagon_has_cosines_of_72_and_144_degrees():
    angles = torch.arange(5) * 2 * math.pi / 5
    found = coherence(torch.stack([angles.cos(), angles.sin()], 1), (0.0, 1.0))
    assert found.cosines == pytest.approx([math.cos(2 * math.pi / 5), -math.cos(4 * math.pi / 5)], abs=1e-6)


def test_parallel_and_opposite_features_have_coherence_1():
    found = coherence(torch.tensor([[1.0, 2.0], [-3.0, -6.0], [0.1, 0.2]]), (0.0, 1.0))
    assert found.cosines == pytest.approx([1.0, 1.0])
    assert max(found.cosines) <= 1.0


def test_zero_features_are_counted_and_left_out():
    features = random(6, 3, seed=1)
    found = coherence(torch.cat([torch.zeros(2, 3), features]))
    alone = coherence(features)
    assert found.cosines == alone.cosines
    assert found.welch_bound == alone.welch_bound
    assert (found.n_features, found.n_zero, alone.n_zero) == (6, 2, 0)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_features_have_no_coherence(n):
    found = coherence(torch.cat([torch.ones(n, 2), torch.zeros(3, 2)]))
    assert len(found.cosines) == 4 and all(math.isnan(cosine) for cosine in found.cosines)
    assert (found.n_features, found.n_zero, found.welch_bound) == (n, 3, 0.0)


@few
@given(seed=seeds)
def test_coherence_ignores_order_rotation_lengths_and_signs(seed):
    features = random(9, 4, seed=seed)
    rotation = torch.linalg.qr(random(4, 4, seed=seed + 1))[0]
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    lengths = 10 ** random(9, 1, seed=seed + 2) * random(9, 1, seed=seed + 3).sign()
    moved = (lengths * features)[order] @ rotation
    assert coherence(moved).cosines == pytest.approx(coherence(features).cosines, abs=1e-5)


def test_very_long_and_very_short_features_have_directions():
    features = torch.tensor([[3e30, 4e30], [3e-30, 4e-30], [0.0, 1e-40]])
    assert coherence(features, (0.0, 1.0)).cosines == pytest.approx([0.8, 1.0], abs=1e-6)


@few
@given(n=st.integers(2, 30), dim=st.integers(1, 6), seed=seeds)
def test_no_set_of_features_is_below_the_welch_bound(n, dim, seed):
    found = coherence(random(n, dim, seed=seed))
    assert found.cosines[-1] >= found.welch_bound - 1e-6
    assert list(found.cosines) == sorted(found.cosines)


@pytest.mark.parametrize("block", [1, 3, 7, 8])
def test_blocks_of_any_size_see_every_pair_once(block, monkeypatch):
    features = random(8, 5, seed=3)
    whole = module._absolute_cosines(features)
    monkeypatch.setattr(module, "BLOCK", block)
    pieces = module._absolute_cosines(features)
    assert len(pieces) == 28
    assert sorted(pieces.tolist()) == pytest.approx(sorted(whole.tolist()), abs=1e-6)


def test_coherence_of_random_directions_is_as_the_docstring_says():
    n, d = 700, 100
    found = coherence(random(n, d, seed=0), (0.5, 1.0))
    assert found.cosines[0] == pytest.approx(0.6745 / math.sqrt(d), rel=0.02)
    assert 0.8 < found.cosines[1] / (2 * math.sqrt(math.log(n) / d)) < 1.0


def test_known_welch_bounds():
    assert welch_bound(4, 4) == welch_bound(2, 7) == welch_bound(1, 1) == welch_bound(0, 3) == 0.0
    assert welch_bound(3, 1) == pytest.approx(1.0)
    assert welch_bound(6, 3) == pytest.approx(1 / math.sqrt(5))  # the diagonals of an icosahedron reach it
    assert welch_bound(10**9, 4) == pytest.approx(1 / 2)


def test_the_diagonals_of_an_icosahedron_reach_the_bound():
    golden = (1 + math.sqrt(5)) / 2
    diagonals = torch.tensor(
        [[0, 1, golden], [0, 1, -golden], [1, golden, 0], [1, -golden, 0], [golden, 0, 1], [-golden, 0, 1]]
    )
    assert coherence(diagonals, (0.0, 1.0)).cosines == pytest.approx([welch_bound(6, 3)] * 2, abs=1e-6)


def test_levels_and_dimensions_without_meaning_are_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        coherence(torch.eye(2), (0.5, 99))
    with pytest.raises(ValueError, match="between 0 and 1"):
        coherence(torch.eye(2), (math.nan,))
    with pytest.raises(ValueError, match="at least one dimension; got 0"):
        welch_bound(3, 0)
