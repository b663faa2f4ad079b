"""Monosemanticity: the formula, its known answers, what it does not depend on, and its baseline."""

from __future__ import annotations

from itertools import permutations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas.monosemanticity import monosemanticity_score, similarity_baseline
from tests.measures.fired import rows, streamed
from tests.reference import slow_meaning as slow

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)


@few
@given(n=st.integers(2, 12), seed=seeds, firing=st.sampled_from([0.1, 0.5, 1.0]))
def test_score_equals_slow_loop(n, seed, firing):
    activations, embeddings = rows(n, seed=seed, firing=firing)
    expected = slow.monosemanticity(activations.tolist(), embeddings.tolist())
    assert monosemanticity_score(activations, embeddings).tolist() == pytest.approx(expected, abs=1e-9, nan_ok=True)


@few
@given(n=st.integers(2, 12), seed=seeds)
def test_baseline_equals_slow_loop(n, seed):
    _, embeddings = rows(n, seed=seed)
    expected = slow.similarity_baseline(embeddings.tolist())
    assert similarity_baseline(embeddings).item() == pytest.approx(expected, abs=1e-12)


@few
@given(seed=seeds)
def test_the_mean_over_all_permutations_of_the_rows_is_the_baseline(seed):
    activations, embeddings = rows(5, d_mlp=3, seed=seed, firing=1.0)
    every = [monosemanticity_score(activations, embeddings[list(order)]) for order in permutations(range(5))]
    mean = torch.stack(every).mean(0)
    assert mean.tolist() == pytest.approx([similarity_baseline(embeddings).item()] * 3, abs=1e-12)


@pytest.mark.parametrize("firing", [0.01, 0.1, 0.5])
def test_neurons_that_know_nothing_have_the_baseline_on_average(firing):
    """Given the embeddings, neurons drawn alike and apart scatter around it: a band of 4 standard errors."""
    activations, embeddings = rows(1000, d_mlp=600, d_embed=10, seed=3, firing=firing)
    above = monosemanticity_score(activations, embeddings) - similarity_baseline(embeddings)
    above = above[~above.isnan()]
    assert len(above) > 590
    assert above.mean().abs() < 4 * above.std() / len(above) ** 0.5
    assert 4 * above.std() / len(above) ** 0.5 < 0.02


@pytest.mark.parametrize(("first", "second", "expected"), [([1, 2], [3, 6], 1), ([1, 2], [-2, 1], 0), ([1], [-7], -1)])
def test_identical_orthogonal_and_opposite_embeddings(first, second, expected):
    embeddings = torch.tensor([first, second, [5] * len(first)], dtype=torch.float64)
    activations = torch.tensor([[2.0], [0.7], [0.0]])
    assert monosemanticity_score(activations, embeddings).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [2, 5, 40])
def test_a_neuron_of_many_orthogonal_things_has_zero_and_of_one_kind_has_one(n):
    activations = torch.rand(n, 1, generator=torch.Generator().manual_seed(0)).double() + 0.1
    activations = torch.cat([activations, torch.zeros(1, 1)])
    assert monosemanticity_score(activations, torch.eye(n + 1)).item() == pytest.approx(0, abs=1e-12)
    assert monosemanticity_score(activations, torch.ones(n + 1, 3)).item() == pytest.approx(1, abs=1e-12)


def test_three_rows_worked_out_by_hand():
    """Weights 1, 1/2, 1/4 over unit vectors at 0, 60 and 90 degrees, and a silent row."""
    embeddings = torch.tensor([[1.0, 0.0], [0.5, 0.75**0.5], [0.0, 1.0], [1.0, 1.0]]).double()
    activations = torch.tensor([[5.0], [3.0], [2.0], [1.0]])
    expected = (1 / 2 * 1 / 2 + 1 / 4 * 0 + 1 / 8 * 0.75**0.5) / (1 / 2 + 1 / 4 + 1 / 8)
    assert monosemanticity_score(activations, embeddings).item() == pytest.approx(expected, abs=1e-7)


@few
@given(seed=seeds, scale=st.floats(1e-3, 1e3), shift=st.floats(-10, 10))
def test_score_does_not_change_with_order_of_rows_or_scale_or_shift_of_a_neuron(seed, scale, shift):
    activations, embeddings = rows(9, seed=seed)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    changed = monosemanticity_score(scale * activations[order] + shift, embeddings[order])
    torch.testing.assert_close(changed, monosemanticity_score(activations, embeddings), equal_nan=True)


@few
@given(seed=seeds)
def test_score_does_not_change_with_lengths_or_rotation_of_embeddings(seed):
    activations, embeddings = rows(9, seed=seed)
    g = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=g, dtype=torch.float64))[0]
    lengths = torch.rand(9, 1, generator=g, dtype=torch.float64) * 10 + 1e-3
    changed = monosemanticity_score(activations, lengths * embeddings @ rotation)
    torch.testing.assert_close(changed, monosemanticity_score(activations, embeddings), equal_nan=True)


@few
@given(n=st.integers(2, 8), d_embed=st.integers(1, 3), seed=seeds)
def test_score_is_between_minus_one_and_one(n, d_embed, seed):
    activations, embeddings = rows(n, d_embed=d_embed, seed=seed)
    score = monosemanticity_score(activations, embeddings)
    assert ((score.abs() <= 1) | score.isnan()).all()


def test_very_long_and_very_short_embeddings_are_exact():
    activations, embeddings = rows(9, seed=1)
    expected = monosemanticity_score(activations, embeddings)
    for scale in (1e-300, 1e300):
        torch.testing.assert_close(monosemanticity_score(activations, scale * embeddings), expected)


@pytest.mark.parametrize("unknown", [0.0, torch.nan, torch.inf])
def test_rows_with_an_unknown_embedding_are_left_out(unknown):
    activations, embeddings = rows(12, seed=2)
    embeddings[[0, 7]] = unknown
    activations[0] = 50.0  # neither the range nor the sums notice
    keep = [i for i in range(12) if i not in (0, 7)]
    expected = monosemanticity_score(activations[keep], embeddings[keep])
    assert not expected.isnan().any()
    torch.testing.assert_close(monosemanticity_score(activations, embeddings), expected)
    torch.testing.assert_close(streamed(activations, embeddings, [3]).compute(), expected.float())
    torch.testing.assert_close(similarity_baseline(embeddings), similarity_baseline(embeddings[keep]))


@pytest.mark.parametrize("floor", [0.0, 0.3, -1 / 3])
def test_constant_neurons_and_those_that_fire_once_are_nan_and_those_that_fire_twice_are_not(floor):
    activations = torch.full((50, 4), floor)
    activations[3, 1] += 0.7
    activations[[3, 8], 2] += torch.tensor([0.7, 1e-5])
    activations[0, 3] = torch.nan
    embeddings = rows(50, seed=4)[1]
    for score in (monosemanticity_score(activations, embeddings), streamed(activations, embeddings, [5]).compute()):
        assert score.isnan().tolist() == [True, True, False, True]
        cosine = torch.cosine_similarity(embeddings[3], embeddings[8], dim=0).item()
        assert score[2].item() == pytest.approx(cosine, abs=1e-5)


def test_a_neuron_that_fires_everywhere_but_once_is_defined():
    activations = torch.ones(3, 1)
    activations[0] = 0.0
    assert monosemanticity_score(activations, torch.eye(3)).item() == pytest.approx(0)


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_say_nothing(n):
    activations, embeddings = rows(n, seed=0)
    assert monosemanticity_score(activations, embeddings).isnan().all()
    assert similarity_baseline(embeddings).isnan()


def test_impossible_shapes_are_refused():
    with pytest.raises(ValueError, match=r"as many rows .* got \[3, 6\] and \[2, 4\]"):
        monosemanticity_score(torch.ones(3, 6), torch.ones(2, 4))
    with pytest.raises(ValueError, match=r"got \[3\] and \[3, 4\]"):
        monosemanticity_score(torch.ones(3), torch.ones(3, 4))
