"""The best and the worst order of deletion: exact, and by a beam."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.faithfulness import (
    aopc_bounds,
    normalised_aopc,
)
from tests.reference import slow_faithfulness as slow

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)

NAN = float("nan")


def random(*shape, seed):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def set_function(n, seed):
    """A number in [0, 1] for each set of positions."""
    values = random(2**n, seed=seed).tolist()
    return lambda deleted: values[sum(1 << position for position in deleted)]


def of_sets(drop):
    return lambda sets: [drop(deleted) for deleted in sets]


@few
@given(n=st.integers(1, 5), seed=seeds)
def test_exact_bounds_equal_all_orders(n, seed):
    drop = set_function(n, seed)
    found = aopc_bounds(of_sets(drop), n)
    assert (found.lower, found.upper) == pytest.approx(slow.worst_and_best_aopc(drop, n))
    assert found.exact


@few
@given(n=st.integers(2, 6), beam=st.integers(1, 6), seed=seeds)
def test_a_beam_lies_within_the_exact_bounds_and_widens_with_its_width(n, beam, seed):
    drops = of_sets(set_function(n, seed))
    exact = aopc_bounds(drops, n)
    found = aopc_bounds(drops, n, beam=beam, exact_up_to=n - 1)
    assert not found.exact
    assert exact.lower - 1e-9 <= found.lower <= found.upper <= exact.upper + 1e-9
    complete = aopc_bounds(drops, n, beam=2**n, exact_up_to=0)
    assert (complete.lower, complete.upper) == pytest.approx((exact.lower, exact.upper))


@few
@given(n=st.integers(11, 14), seed=seeds)
def test_where_each_token_counts_for_itself_the_narrowest_beam_is_exact(n, seed):
    weights = random(n, seed=seed).tolist()
    found = aopc_bounds(of_sets(lambda deleted: sum(weights[i] for i in deleted)), n, beam=1)
    best = sorted(weights, reverse=True)
    upper = sum(sum(best[:k]) for k in range(1, n + 1)) / n
    lower = sum(sum(best[::-1][:k]) for k in range(1, n + 1)) / n
    assert (found.lower, found.upper, found.exact) == (pytest.approx(lower), pytest.approx(upper), False)


def test_a_beam_keeps_the_best_of_each_size_and_finds_what_greed_misses():
    # deleting 0 first is best at first sight, deleting 1 and then 2 is best in all
    drop = {(): 0.0, (0,): 0.5, (1,): 0.4, (2,): 0.0, (0, 1): 0.5, (0, 2): 0.5, (1, 2): 1.0, (0, 1, 2): 0.5}
    drops = of_sets(lambda deleted: drop[tuple(sorted(deleted))])
    assert aopc_bounds(drops, 3, beam=1).upper == pytest.approx((0.4 + 1.0 + 0.5) / 3)
    assert aopc_bounds(drops, 3, beam=2, exact_up_to=2).upper == pytest.approx((0.4 + 1.0 + 0.5) / 3)
    assert aopc_bounds(drops, 3, beam=1, exact_up_to=2).upper == pytest.approx((0.5 + 0.5 + 0.5) / 3)


def test_a_beam_is_better_than_random_orders_and_mostly_exact():
    n, equal = 7, 0
    for seed in range(20):
        drop = set_function(n, seed)
        found, exact = aopc_bounds(of_sets(drop), n, exact_up_to=0), aopc_bounds(of_sets(drop), n)
        orders = [torch.randperm(n, generator=torch.Generator().manual_seed(i)).tolist() for i in range(10)]
        at_random = [slow.aopc_of_order(drop, order) for order in orders]
        assert found.lower < min(at_random) and max(at_random) < found.upper
        equal += math.isclose(found.upper, exact.upper) and math.isclose(found.lower, exact.lower)
    assert equal >= 10


def test_no_set_is_evaluated_twice():
    asked = []

    def drops(sets):
        asked.extend(sets)
        return [0.1 * len(deleted) + 0.01 * min(deleted) for deleted in sets]

    aopc_bounds(drops, 5)
    assert len(asked) == len(set(asked)) == 2**5 - 1


def test_bounds_need_a_token_and_a_beam():
    with pytest.raises(ValueError, match="got 0 tokens"):
        aopc_bounds(lambda sets: [], 0)
    with pytest.raises(ValueError, match="beam 0"):
        aopc_bounds(lambda sets: [], 3, beam=0)


def test_normalised_aopc_is_0_at_the_worst_order_and_1_at_the_best():
    lower = torch.tensor([-0.2, 0.1, 0.3, 0.3], dtype=torch.float64)
    upper = torch.tensor([0.6, 0.2, 0.3, 0.3 + 1e-8], dtype=torch.float64)
    assert normalised_aopc(lower, lower, upper).tolist() == pytest.approx([0, 0, NAN, NAN], nan_ok=True)
    assert normalised_aopc(upper, lower, upper).tolist() == pytest.approx([1, 1, NAN, NAN], nan_ok=True)
    between = lower + 0.25 * (upper - lower)
    assert normalised_aopc(between, lower, upper)[:2].tolist() == pytest.approx([0.25, 0.25], abs=1e-6)


@few
@given(n=st.integers(2, 5), seed=seeds, factor=st.floats(0.1, 10), shift=st.floats(-1, 1))
def test_normalised_aopc_does_not_change_where_a_model_loses_a_multiple(n, seed, factor, shift):
    drop = set_function(n, seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()

    def found(drop):
        bounds = aopc_bounds(of_sets(drop), n)
        numbers = (slow.aopc_of_order(drop, order), bounds.lower, bounds.upper)
        return normalised_aopc(*(torch.tensor([number], dtype=torch.float64) for number in numbers)).item()

    assert found(lambda deleted: factor * drop(deleted) + shift) == pytest.approx(found(drop), abs=1e-6)
    assert -1e-9 <= found(drop) <= 1 + 1e-9
