"""The monosemanticity score over batches is that of all rows at once."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures.formulas.monosemanticity import monosemanticity_score, similarity_baseline
from safr_lens.measures.streams.monosemanticity import MonosemanticityScore
from tests.measures.fired import rows, streamed

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)


@few
@given(seed=seeds, cuts=st.lists(st.integers(0, 60), max_size=6), firing=st.sampled_from([0.05, 0.5, 1.0]))
def test_batches_of_any_size_give_the_same(seed, cuts, firing):
    activations, embeddings = rows(60, seed=seed, firing=firing)
    metric = streamed(activations, embeddings, cuts)
    whole = monosemanticity_score(activations, embeddings).float()
    torch.testing.assert_close(metric.compute(), whole, atol=1e-6, rtol=0, equal_nan=True)
    torch.testing.assert_close(metric.baseline(), similarity_baseline(embeddings).float(), atol=1e-6, rtol=0)


def test_single_precision_activations_far_from_zero_keep_their_score():
    activations, embeddings = rows(2000, seed=5)
    activations = (activations + 500).float()
    metric = streamed(activations, embeddings, range(0, 2000, 100))
    expected = monosemanticity_score(activations.double(), embeddings).float()
    torch.testing.assert_close(metric.compute(), expected, atol=1e-6, rtol=0)


def test_the_value_of_a_step_is_that_of_its_batch_and_the_metric_goes_on():
    activations, embeddings = rows(30, seed=6)
    metric = MonosemanticityScore(6, 4)
    for part in (slice(0, 10), slice(10, 30)):
        step = metric(activations[part], embeddings[part])
        torch.testing.assert_close(step, monosemanticity_score(activations[part], embeddings[part]).float())
    torch.testing.assert_close(metric.compute(), monosemanticity_score(activations, embeddings).float())


def test_after_a_reset_the_metric_starts_anew():
    activations, embeddings = rows(30, seed=7)
    metric = streamed(100 * activations, embeddings)
    metric.reset()
    metric.update(activations[:20], embeddings[:20])
    torch.testing.assert_close(metric.compute(), monosemanticity_score(activations[:20], embeddings[:20]).float())


def test_a_metric_without_rows_is_nan():
    metric = MonosemanticityScore(6, 4)
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        assert metric.compute().isnan().all()
    assert metric.baseline().isnan()


def test_rows_of_another_size_are_refused():
    metric = MonosemanticityScore(6, 4)
    with pytest.raises(ValueError, match="d_mlp = 6 and d_embed = 4; got 6 and 5"):
        metric.update(torch.ones(3, 6), torch.ones(3, 5))
    with pytest.raises(ValueError, match="got 1 and 4"):
        metric.update(torch.ones(3, 1), torch.ones(3, 4))
