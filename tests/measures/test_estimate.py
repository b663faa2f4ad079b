"""Confidence intervals that cover what they claim to."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from safr_lens.measures import estimate as estimates
from safr_lens.measures.estimate import Estimate, bootstrap_ratio, jackknife, no_interval


def values(n, *, seed=0):
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_value_is_the_ratio_of_sums():
    assert bootstrap_ratio(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 2.0])).value == 1.5


def test_of_many_texts_few_resamples_are_drawn_at_once_and_are_the_same(monkeypatch):
    above, below = values(30), values(30, seed=1).abs() + 1
    expected = bootstrap_ratio(above, below, n_replicates=120).replicates
    monkeypatch.setattr(estimates, "MOST_DRAWN", 100)
    torch.testing.assert_close(bootstrap_ratio(above, below, n_replicates=120).replicates, expected)


def test_bootstrap_replicates_equal_a_loop_over_drawn_texts():
    above, below = values(7), values(7, seed=1).abs() + 1
    found = bootstrap_ratio(above, below, n_replicates=120, seed=3)
    generator = torch.Generator().manual_seed(3)
    expected = []
    for size in (50, 50, 20):
        for row in torch.randint(7, (size, 7), generator=generator).tolist():
            expected.append(sum(above[i].item() for i in row) / sum(below[i].item() for i in row))
    torch.testing.assert_close(found.replicates, torch.tensor(expected, dtype=torch.float64))


def test_a_95_percent_bootstrap_interval_covers_the_truth_about_95_times_in_100():
    covered = 0
    for seed in range(300):
        low, high = bootstrap_ratio(values(100, seed=seed), torch.ones(100), n_replicates=200, seed=seed).interval()
        covered += low <= 0 <= high
    assert 0.90 <= covered / 300 <= 0.98


def test_tokens_of_a_text_stay_together():
    # ten texts whose tokens all agree: the interval is that of ten values, not that of a thousand
    texts = values(10)
    together = bootstrap_ratio(100 * texts, torch.full((10,), 100.0))
    apart = bootstrap_ratio(texts.repeat_interleave(100), torch.ones(1000))
    widths = [one.interval()[1] - one.interval()[0] for one in (together, apart)]
    assert widths[0] > 5 * widths[1]


@pytest.mark.parametrize(("above", "below"), [(torch.ones(0), torch.ones(0)), (torch.ones(2), torch.ones(3))])
def test_no_texts_or_unequal_numbers_are_an_error(above, below):
    with pytest.raises(ValueError, match="one value a text"):
        bootstrap_ratio(above, below)


def test_the_jackknife_of_a_mean_of_groups_is_students_t():
    groups = values(8)

    def mean(without):
        return groups[[i for i in range(8) if i != without]].mean().item()

    expected = stats.t.interval(0.95, 7, loc=groups.mean().item(), scale=stats.sem(groups.numpy()))
    assert jackknife(mean, 8).interval() == pytest.approx(expected)


def test_the_jackknife_covers_an_entropy_where_a_bootstrap_misses_it():
    # an entropy of few draws: resampling with replacement loses types and sits too low
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(40))
    draws = 160

    def entropy(sample):
        counts = np.bincount(sample, minlength=40)
        return float(stats.entropy(counts))

    expected = np.mean([entropy(rng.choice(40, draws, p=shares)) for _ in range(400)])
    jack = boot = 0
    for _ in range(100):
        sample = rng.choice(40, draws, p=shares)
        groups = np.arange(draws) % 8
        low, high = jackknife(lambda g, s=sample, k=groups: entropy(s if g is None else s[k != g]), 8).interval()
        jack += low <= expected <= high
        again = [entropy(rng.choice(sample, draws)) for _ in range(100)]
        boot += np.quantile(again, 0.025) <= expected <= np.quantile(again, 0.975)
    assert jack >= 85
    assert boot < jack - 20


def test_a_difference_is_paired():
    texts = values(200)
    first, second = (bootstrap_ratio(texts + shift, torch.ones(200)) for shift in (0.0, 0.01))
    low, high = (second - first).interval()
    assert low == pytest.approx(0.01) and high == pytest.approx(0.01)
    assert second.interval()[0] < first.interval()[1]


def test_figures_of_other_sentences_have_no_paired_difference():
    with pytest.raises(ValueError, match="not measured on the same"):
        bootstrap_ratio(values(5), torch.ones(5), n_replicates=10) - bootstrap_ratio(values(5), torch.ones(5))
    with pytest.raises(ValueError, match="not measured on the same"):
        bootstrap_ratio(values(5), torch.ones(5), n_replicates=8) - jackknife(lambda without: 1.0, 8)


def test_what_is_undefined_has_no_interval():
    for estimate in (
        no_interval(1.0),
        Estimate(math.nan, values(10)),
        Estimate(1.0, torch.tensor([1.0, math.nan])),
        Estimate(1.0, values(1)),
    ):
        assert all(math.isnan(end) for end in estimate.interval())


def test_one_text_has_no_interval():
    found = bootstrap_ratio(torch.tensor([3.0]), torch.tensor([4.0]))
    assert found.value == 0.75
    assert all(map(math.isnan, found.interval())), "its resamples are all the same, which is not certainty"
    other = bootstrap_ratio(torch.tensor([1.0]), torch.tensor([4.0]))
    assert all(map(math.isnan, (found - other).interval()))
