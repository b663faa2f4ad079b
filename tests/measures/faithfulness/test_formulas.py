"""Comprehensiveness, sufficiency and AOPC: the formulas, their limits, and sizes of bins."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.faithfulness import (
    aopc,
    comprehensiveness,
    sufficiency,
)
from safr_lens.measures.faithfulness.formulas import BINS, bin_sizes
from tests.reference import slow_faithfulness as slow

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)

NAN = float("nan")


def random(*shape, seed):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_comprehensiveness_and_sufficiency_by_hand():
    full = torch.tensor([0.9, 0.6])
    kept = torch.tensor([[0.8, 0.6, 0.5, 0.4, 0.2], [0.6, 0.7, 0.6, 0.9, 0.7]])
    # (0.1 + 0.3 + 0.4 + 0.5 + 0.7) / 5 and (0 - 0.1 + 0 - 0.3 - 0.1) / 5
    assert comprehensiveness(full, kept).tolist() == pytest.approx([0.4, -0.1])
    assert sufficiency(full, kept).tolist() == pytest.approx([0.4, -0.1])


@few
@given(n=st.integers(1, 6), n_bins=st.integers(1, 6), seed=seeds)
def test_formulas_equal_slow_loops(n, n_bins, seed):
    full, kept = random(n, seed=seed), random(n, n_bins, seed=seed + 1)
    numbers = full.tolist(), kept.tolist()
    assert comprehensiveness(full, kept).tolist() == pytest.approx(slow.comprehensiveness(*numbers), abs=1e-6)
    assert sufficiency(full, kept).tolist() == pytest.approx(slow.sufficiency(*numbers), abs=1e-6)
    assert aopc(kept, full).tolist() == pytest.approx(slow.aopc(*numbers), abs=1e-6)


@few
@given(lengths=st.lists(st.integers(1, 7), min_size=1, max_size=5), seed=seeds)
def test_aopc_of_texts_of_different_lengths_equals_slow_loop(lengths, seed):
    full = random(len(lengths), seed=seed)
    curves = [random(n, seed=seed + i).tolist() for i, n in enumerate(lengths)]
    padded = torch.tensor([curve + [NAN] * (8 - len(curve)) for curve in curves])
    assert aopc(padded, full).tolist() == pytest.approx(slow.aopc(full.tolist(), curves), abs=1e-6)


@few
@given(seed=seeds)
def test_formulas_follow_the_order_of_texts_and_ignore_that_of_bins(seed):
    full, kept = random(6, seed=seed), random(6, 4, seed=seed + 1)
    g = torch.Generator().manual_seed(seed)
    texts, bins = torch.randperm(6, generator=g), torch.randperm(4, generator=g)
    for measure_of in (comprehensiveness, sufficiency, lambda full, kept: aopc(kept, full)):
        found = measure_of(full[texts], kept[texts][:, bins])
        torch.testing.assert_close(found, measure_of(full, kept)[texts])
        assert found.abs().max() <= 1


def test_a_nan_is_never_averaged_away():
    full = torch.tensor([0.5, 0.5, 0.5, 0.5])
    kept = torch.tensor([[0.1, NAN], [0.1, 0.3], [NAN, 0.3], [NAN, NAN]])
    assert comprehensiveness(full, kept).isnan().tolist() == [True, False, True, True]
    assert sufficiency(full, kept).isnan().tolist() == [True, False, True, True]
    # behind the last step NaN is padding; ahead of a step it is not
    assert aopc(kept, full).tolist() == pytest.approx([0.4, 0.3, NAN, NAN], nan_ok=True)
    assert aopc(kept, torch.tensor([NAN, 0.5, 0.5, 0.5]))[0].isnan()


def test_impossible_shapes_are_an_error():
    for measure_of in (comprehensiveness, sufficiency, lambda full, kept: aopc(kept, full)):
        with pytest.raises(ValueError, match=r"one row a text; got shapes \(2,\) and \(3, 1\)"):
            measure_of(torch.ones(2), torch.ones(3, 1))
        with pytest.raises(ValueError, match=r"got shapes \(2, 1\)"):
            measure_of(torch.ones(2, 1), torch.ones(2, 1))
    with pytest.raises(ValueError, match="sufficiency needs at least one bin"):
        sufficiency(torch.ones(2), torch.ones(2, 0))


def test_bins_are_rounded_up():
    assert bin_sizes(1, BINS) == [1, 1, 1, 1, 1]
    assert bin_sizes(20, BINS) == [1, 1, 2, 4, 10]
    assert bin_sizes(101, BINS) == [2, 6, 11, 21, 51]
    shares = tuple(k / 100 for k in range(1, 101))
    for n in range(1, 129):
        assert bin_sizes(n, shares) == [slow.bin_size(n, share) for share in shares]
