"""Class selectivity: the formula, its known answers, and what rare firing does to it."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas.class_selectivity import class_selectivity
from tests.reference import slow_meaning as slow

few = settings(max_examples=25)
seeds = st.integers(0, 10_000)


def examples(n, d_mlp, n_classes=2, *, seed, firing=0.5):
    """Activations of neurons that know nothing of the labels, and labels of equal classes."""
    g = torch.Generator().manual_seed(seed)
    fires = torch.rand(n, d_mlp, generator=g) < firing
    return fires * torch.rand(n, d_mlp, generator=g), torch.arange(n) % n_classes


def means_by_class(activations, labels):
    return torch.stack([activations[labels == c].mean(0) for c in labels.unique()])


@few
@given(n_classes=st.integers(2, 7), seed=seeds)
def test_class_selectivity_equals_slow_loop(n_classes, seed):
    means = torch.randn(n_classes, 8, generator=torch.Generator().manual_seed(seed))
    expected = slow.class_selectivity(means.double().tolist())
    assert class_selectivity(means).tolist() == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_class_selectivity_equals_grouped_means_of_pandas(n_classes):
    activations, labels = examples(400, 7, n_classes, seed=1, firing=0.1)
    grouped = pd.DataFrame(activations.double().numpy()).groupby(labels.numpy()).mean()
    ranked = pd.DataFrame({n: column.sort_values(ascending=False).to_numpy() for n, column in grouped.items()})
    first, rest = ranked.iloc[0], ranked.iloc[1:].mean()
    found = class_selectivity(means_by_class(activations, labels))
    assert found.tolist() == pytest.approx(((first - rest) / (first + rest)).tolist(), abs=1e-6)


@pytest.mark.parametrize(("best", "rest", "expected"), [(3.0, 1.0, 1 / 2), (1.0, 0.0, 1.0), (2.0, 2.0, 0.0)])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_known_answers(best, rest, expected, n_classes):
    means = torch.full((n_classes, 1), rest)
    means[-1] = best
    assert class_selectivity(means).item() == pytest.approx(expected, abs=1e-7)


def test_a_neuron_that_answers_to_one_class_is_found():
    activations, labels = examples(600, 3, 3, seed=2)
    activations[:, 1] *= labels == 2
    activations[:, 2] *= 1 + 2 * (labels == 0)
    found = class_selectivity(means_by_class(activations, labels))
    assert found[0] < 0.1
    assert found[1].item() == pytest.approx(1.0)
    assert found[2].item() == pytest.approx(1 / 2, abs=0.1)


def test_the_others_are_averaged_with_equal_weight():
    assert class_selectivity(torch.tensor([[1.0], [6.0], [3.0]])).item() == pytest.approx((6 - 2) / (6 + 2))


@few
@given(seed=seeds, scale=st.floats(1e-3, 1e3))
def test_class_selectivity_does_not_change_with_scale_or_order_of_classes(seed, scale):
    g = torch.Generator().manual_seed(seed)
    means = torch.rand(5, 6, generator=g)
    changed = class_selectivity(scale * means[torch.randperm(5, generator=g)])
    torch.testing.assert_close(changed, class_selectivity(means), atol=1e-5, rtol=0)


@few
@given(n_classes=st.integers(2, 9), seed=seeds)
def test_class_selectivity_is_between_0_and_1(n_classes, seed):
    means = torch.randn(n_classes, 10, generator=torch.Generator().manual_seed(seed))
    means[0] = means[0].abs() + 1e-3
    found = class_selectivity(means)
    assert found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("n_classes", range(2, 12))
def test_rounding_makes_no_value_negative(n_classes):
    found = class_selectivity(torch.full((n_classes, 1), 0.1, dtype=torch.float64))
    assert 0 <= found.item() < 1e-15


def test_negative_means_count_as_zero():
    assert class_selectivity(torch.tensor([[1.0, -1.0], [-5.0, -2.0]])).tolist() == pytest.approx(
        [1.0, torch.nan], nan_ok=True
    )
    assert class_selectivity(torch.tensor([[4.0], [-5.0], [2.0]])).item() == pytest.approx((4 - 1) / (4 + 1))


def test_a_silent_neuron_and_one_that_is_not_a_number_are_nan_and_the_others_do_not_notice():
    found = class_selectivity(torch.tensor([[0.0, torch.nan, 3.0], [0.0, 1.0, 1.0]]))
    assert found.isnan().tolist() == [True, True, False]
    assert found[2].item() == pytest.approx(1 / 2)


@pytest.mark.parametrize(("firing", "expected"), [(0.001, 0.71), (0.01, 0.21), (0.5, 0.02)])
def test_rare_firing_alone_raises_it(firing, expected):
    activations, labels = examples(2000, 1000, seed=3, firing=firing)
    found = class_selectivity(means_by_class(activations, labels))
    assert found[~found.isnan()].mean().item() == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("firing", [0.01, 0.1, 0.5])
def test_neurons_that_know_nothing_are_no_more_selective_than_with_shuffled_labels(firing):
    """Given both orders of the labels, the difference has mean 0 over neurons: a band of 4 standard errors."""
    activations, labels = examples(1000, 500, 4, seed=4, firing=firing)
    shuffled = labels[torch.randperm(1000, generator=torch.Generator().manual_seed(5))]
    null = class_selectivity(means_by_class(activations, shuffled))
    above = class_selectivity(means_by_class(activations, labels)) - null
    assert not above.isnan().any()
    assert above.mean().abs() < 4 * above.std() / 500**0.5


@pytest.mark.parametrize("n_classes", [0, 1])
def test_class_selectivity_needs_two_classes(n_classes):
    with pytest.raises(ValueError, match=f"at least two classes; got {n_classes}"):
        class_selectivity(torch.ones(n_classes, 3))
