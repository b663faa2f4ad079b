"""Orders of the tokens of a text, from scores and at random."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.errors import ConfigError
from safr_lens.measures.attribution import margin
from safr_lens.measures.faithfulness import (
    evidence_scores,
    importance_scores,
)
from safr_lens.measures.faithfulness.rankings import drawn_order, ranked

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)


@few
@given(n=st.integers(1, 12), seed=seeds)
def test_ranking_of_distinct_scores_is_that_of_sorting(n, seed):
    scores = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).double() / n - 0.3
    expected = sorted(range(n), key=lambda i: -scores[i])
    assert ranked(scores, torch.randperm(n, generator=torch.Generator().manual_seed(seed + 1))).tolist() == expected


def test_ties_stand_in_the_order_that_was_drawn():
    scores = torch.tensor([0.5, 0.9, 0.5, 0.1, 0.5, 0.9])
    assert ranked(scores, torch.tensor([4, 3, 5, 0, 1, 2])).tolist() == [5, 1, 4, 0, 2, 3]
    assert ranked(torch.zeros(4), torch.tensor([2, 0, 3, 1])).tolist() == [2, 0, 3, 1]


def test_what_differs_by_rounding_alone_is_a_tie_at_any_scale():
    for scale in (1e-20, 1.0, 1e20):
        scores = scale * torch.tensor([0.7, 0.7 + 1e-8, 0.2, 0.7 - 1e-8, 0.2001], dtype=torch.float64)
        assert ranked(scores, torch.tensor([2, 3, 0, 4, 1])).tolist() == [3, 0, 1, 4, 2]


def test_all_orders_are_drawn_alike():
    tokens = torch.tensor([5, 6, 7])
    counts = {order: 0 for order in itertools.permutations(range(3))}
    for draw in range(1200):
        counts[tuple(drawn_order(tokens, seed=0, draw=draw).tolist())] += 1
    # 200 each, standard deviation 13
    assert all(140 < count < 260 for count in counts.values())


def test_a_draw_depends_on_seed_number_and_tokens_alone():
    tokens = torch.arange(20)

    def drawn(tokens, seed, draw):
        return drawn_order(tokens, seed=seed, draw=draw).tolist()

    first = drawn(tokens, 0, 0)
    torch.manual_seed(7)
    assert drawn(tokens, 0, 0) == first
    for other in (drawn(tokens, 1, 0), drawn(tokens, 0, 1), drawn(tokens + 1, 0, 0)):
        assert other != first and sorted(other) == list(range(20))


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c"]])
def test_evidence_of_tokens_is_their_share_of_the_margin(make_model, texts, labels):
    model = make_model(labels=labels)
    tokens, mask = model.to_tokens(texts)
    found = evidence_scores(model, tokens, mask)
    assert (found[~mask] == 0).all()
    for row, text in enumerate(texts):
        parts = model.decompose(text)
        expected = margin(parts.by_token(), int(parts.logits.argmax()))
        torch.testing.assert_close(found[row][mask[row]], expected, atol=1e-4, rtol=0)


def test_without_vmask_there_is_no_importance_to_rank_by(make_model):
    model = make_model(d_vmask=0)
    with pytest.raises(ConfigError, match=r'no VMASK.*scores="evidence"'):
        importance_scores(model, *model.to_tokens("a dull film"))
    assert evidence_scores(model, *model.to_tokens("a dull film")).shape == (1, 3)
