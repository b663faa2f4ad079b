"""AUC, F1, its threshold and its intervals: against slow loops, scikit-learn and known answers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from safr_lens.neurons.scores import best_threshold, bootstrap, column_aucs, f1_score
from tests.reference import slow_neurons as slow

few = settings(max_examples=25)
seeds = st.integers(0, 10_000)


def samples(n, *, seed, heights=4):
    """Scores of few heights, so that many are equal, and labels of both kinds."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.rand(n, generator=g) < 0.4
    labels[0], labels[1] = True, False
    return torch.randint(0, heights, (n,), generator=g).float() / 2, labels


# ---- AUC


@few
@given(n=st.integers(2, 20), heights=st.sampled_from([1, 3, 1000]), seed=seeds)
def test_auc_equals_slow_loop_and_scikit_learn(n, heights, seed):
    scores, labels = samples(n, seed=seed, heights=heights)
    found = column_aucs(scores.unsqueeze(1), labels.unsqueeze(0)).item()
    assert found == pytest.approx(slow.auc(scores.tolist(), labels.tolist()))
    assert found == pytest.approx(metrics.roc_auc_score(labels, scores))


def test_all_columns_and_labelings_at_once_equal_one_by_one():
    g = torch.Generator().manual_seed(0)
    values = torch.randn(40, 130, generator=g).relu()
    labels = torch.rand(3, 40, generator=g) < 0.5
    found = column_aucs(values, labels)
    expected = [[metrics.roc_auc_score(row, column) for column in values.T] for row in labels]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


@few
@given(seed=seeds)
def test_auc_knows_the_order_alone_and_turns_with_the_sign(seed):
    scores, labels = samples(15, seed=seed)
    values = torch.stack([scores, scores.exp() * 1e-30, 5 * scores - 7, -scores], 1)
    found = column_aucs(values, labels.unsqueeze(0))[0].tolist()
    assert found == pytest.approx([found[0], found[0], found[0], 1 - found[0]])
    swapped = column_aucs(scores.unsqueeze(1), ~labels.unsqueeze(0)).item()
    assert swapped == pytest.approx(1 - found[0])


def test_auc_known_answers():
    labels = torch.tensor([[True, True, False, False]])
    values = torch.tensor([[3.0, 0.0, 1.0, 5.0], [2.0, 1.0, 1.0, 5.0], [1.0, 2.0, 0.0, 5.0], [0.0, 3.0, 0.0, 5.0]])
    assert column_aucs(values, labels)[0].tolist() == [1.0, 0.0, 1.0, 0.5]
    assert column_aucs(values, torch.zeros(1, 4, dtype=torch.bool)).isnan().all()


def test_auc_of_noise_is_one_half_within_its_standard_error():
    g = torch.Generator().manual_seed(0)
    labels = (torch.arange(300) < 100).unsqueeze(0)
    found = column_aucs(torch.randn(300, 400, generator=g), labels)
    error = math.sqrt((1 / 100 + 1 / 200) / 12)
    assert found.mean().item() == pytest.approx(0.5, abs=4 * error / 20)
    assert found.std().item() == pytest.approx(error, rel=0.15)


# ---- F1 and its threshold


@few
@given(n=st.integers(2, 20), seed=seeds)
def test_f1_equals_slow_loop_and_scikit_learn(n, seed):
    scores, labels = samples(n, seed=seed)
    called = scores > 0.5
    assert f1_score(called, labels) == pytest.approx(slow.f1(called.tolist(), labels.tolist()))
    assert f1_score(called, labels) == pytest.approx(metrics.f1_score(labels, called, zero_division=0.0))


def test_f1_of_everything_and_of_nothing():
    labels = torch.arange(10) < 2
    assert f1_score(torch.ones(10, dtype=torch.bool), labels) == pytest.approx(2 * 0.2 / 1.2)
    assert f1_score(torch.zeros(10, dtype=torch.bool), labels) == 0.0
    assert math.isnan(f1_score(labels, torch.zeros(10, dtype=torch.bool)))


@few
@given(n=st.integers(2, 20), heights=st.sampled_from([1, 2, 4, 1000]), seed=seeds)
def test_the_threshold_gives_the_best_f1_and_lies_between_scores(n, heights, seed):
    scores, labels = samples(n, seed=seed, heights=heights)
    threshold = best_threshold(scores, labels)
    assert f1_score(scores > threshold, labels) == pytest.approx(slow.best_f1(scores.tolist(), labels.tolist()))
    assert (scores - threshold).abs().min() >= 0.0005 or heights == 1000
    assert threshold not in scores.tolist()


def test_threshold_known_answers():
    assert best_threshold(torch.tensor([4.0, 2.0, 1.0]), torch.tensor([True, False, False])) == 3.0
    assert best_threshold(torch.tensor([1.0, 2.0, 2.0]), torch.tensor([True, True, False])) == 0.5
    # one or three called positive give the same F1: the highest threshold is taken
    tied = torch.tensor([True, False, True, False, False, True])
    scores = torch.tensor([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    values = {cut: f1_score(scores > cut, tied) for cut in (3.5, 0.5)}
    assert values[3.5] == pytest.approx(values[0.5]) and best_threshold(scores, tied) == 3.5


# ---- intervals


def clustered(n_texts, per_text, *, seed, separation=1.0):
    """Scores that a text's samples share, so that they tell no more than one of them."""
    g = torch.Generator().manual_seed(seed)
    texts = torch.arange(n_texts).repeat_interleave(per_text)
    label = torch.arange(n_texts) % 2 == 0
    score = separation * label + torch.randn(n_texts, generator=g)
    return score[texts], label[texts], texts


def test_intervals_cover_the_true_auc_nearly_always():
    true = 0.5 * (1 + math.erf(1 / 2))  # of two normal distributions one standard deviation apart
    covered = 0
    for seed in range(60):
        scores, labels, texts = clustered(60, 1, seed=seed)
        low, high = bootstrap(scores, labels, texts, threshold=0.5, n_resamples=200, seed=seed).auc
        covered += low <= true <= high
    assert 50 <= covered <= 60


def test_copies_of_a_text_do_not_narrow_the_interval():
    one, many = (clustered(40, n, seed=1) for n in (1, 25))
    found = [bootstrap(*parts, threshold=0.5, n_resamples=300, seed=3) for parts in (one, many)]
    assert found[0].auc == pytest.approx(found[1].auc) and found[0].f1 == pytest.approx(found[1].f1)
    as_texts = bootstrap(many[0], many[1], torch.arange(1000), threshold=0.5, n_resamples=300, seed=3)
    widths = [interval.auc[1] - interval.auc[0] for interval in (found[1], as_texts)]
    assert widths[0] > 3 * widths[1] > 0


def test_intervals_equal_resamples_by_hand():
    import numpy as np

    scores, labels, texts = clustered(10, 3, seed=4)
    scores = (scores + torch.randn(30, generator=torch.Generator().manual_seed(0))).round() + 0.0
    found = bootstrap(scores, labels, texts, threshold=0.5, n_resamples=40, seed=9)
    generator = np.random.default_rng(9)
    values = []
    for _ in range(40):
        rows = torch.cat([(texts == text).nonzero().flatten() for text in generator.integers(10, size=10)])
        values.append(
            (
                slow.f1((scores[rows] > 0.5).tolist(), labels[rows].tolist()),
                slow.auc(scores[rows].tolist(), labels[rows]),
            )
        )
    low, high = np.quantile(values, [0.025, 0.975], axis=0)
    assert found.n_resamples == 40
    assert (*found.f1, *found.auc) == pytest.approx((low[0], high[0], low[1], high[1]))


def test_resamples_without_both_kinds_are_left_out_and_counted():
    scores, labels, texts = clustered(3, 2, seed=0)
    found = bootstrap(scores, labels, texts, threshold=0.5, n_resamples=900, seed=0)
    # texts 0 and 2 have the concept, 1 has not: (1/3)^3 + (2/3)^3 of the resamples have one kind only
    assert found.n_resamples / 900 == pytest.approx(2 / 3, abs=0.05) and not math.isnan(found.auc[0])
    alone = bootstrap(scores[:2], labels[:2], texts[:2], threshold=0.5, n_resamples=10, seed=0)
    assert alone.n_resamples == 0 and all(map(math.isnan, alone.f1 + alone.auc))
