"""Capacity of trained toy models of superposition, where the geometry is known."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from safr_lens.measures.formulas.rank import effective_rank
from safr_lens.measures.formulas.superposition import capacity, interference

SCRIPT = Path(__file__).parents[2] / "analyses" / "toy_models.py"


@pytest.fixture(scope="module")
def train_toy_models():
    spec = importlib.util.spec_from_file_location("toy_models", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    # dataclasses look up the module that defines them
    sys.modules[spec.name] = script
    spec.loader.exec_module(script)
    yield script.train_toy_models
    del sys.modules[spec.name]


def best(models, losses):
    return models[int(losses.argmin())]


def test_dense_features_that_fit_are_orthogonal(train_toy_models):
    models, _ = train_toy_models(4, 6, [0.0] * 2, steps=400)
    for vectors in models:
        assert capacity(vectors).tolist() == pytest.approx([1.0] * 4, abs=0.02)
        assert interference(vectors).max() < 0.02
        assert effective_rank(vectors).item() == pytest.approx(4, abs=0.02)


def test_dense_features_of_uneven_importance_leave_the_least_important_out(train_toy_models):
    models, losses = train_toy_models(6, 3, [0.0] * 4, importance=0.5 ** torch.arange(6), steps=800)
    vectors = best(models, losses)
    assert capacity(vectors)[:3].tolist() == pytest.approx([1.0] * 3, abs=0.02)
    assert vectors[3:].norm(dim=1).max() < 0.2


def test_two_sparse_features_share_a_dimension_as_an_antipodal_pair(train_toy_models):
    vectors = best(*train_toy_models(2, 1, [0.9] * 8, steps=800))
    assert capacity(vectors).tolist() == pytest.approx([1 / 2] * 2, abs=0.02)
    assert vectors.prod() < 0


def test_five_sparse_features_share_a_plane_as_a_pentagon(train_toy_models):
    vectors = best(*train_toy_models(5, 2, [0.9] * 8, steps=1000))
    assert capacity(vectors).tolist() == pytest.approx([2 / 5] * 5, abs=0.02)
    angles = torch.atan2(vectors[:, 1], vectors[:, 0]).sort().values.rad2deg()
    assert angles.diff().tolist() == pytest.approx([72.0] * 4, abs=3.0)


@pytest.mark.parametrize(("n_features", "dim"), [(3, 5), (5, 2), (12, 4)])
def test_capacities_sum_to_at_most_the_rank_before_and_after_training(train_toy_models, n_features, dim):
    sparsity = [0.0, 0.3, 0.7, 0.95]
    for steps in (0, 100):
        models, _ = train_toy_models(n_features, dim, sparsity, steps=steps)
        for vectors in models:
            total, rank = capacity(vectors).nansum().item(), int(torch.linalg.matrix_rank(vectors))
            assert rank == min(n_features, dim)
            assert 1 < total <= rank + 1e-4


def test_training_repeats_with_the_seed(train_toy_models):
    first, second, other = (train_toy_models(4, 2, [0.5], steps=5, seed=seed)[0] for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
