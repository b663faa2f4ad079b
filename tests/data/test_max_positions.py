"""Batches that are as large as their padded positions allow."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.data import batches, train_tokenizer

N_CTX = 20


@pytest.fixture(scope="module")
def word_tokenizer():
    return train_tokenizer([f"w{i}" for i in range(40)], min_frequency=1)


def rows_of(lengths):
    return [{"text": " ".join(f"w{(i + k) % 40}" for k in range(n)), "label": i} for i, n in enumerate(lengths)]


lengths_of_texts = st.lists(st.integers(1, N_CTX), min_size=1, max_size=30)
limits = st.integers(1, 150)


@settings(max_examples=25)
@given(lengths_of_texts, limits)
def test_no_batch_exceeds_the_limit_unless_a_single_text_does(word_tokenizer, lengths, limit):
    for batch in batches(rows_of(lengths), word_tokenizer, n_ctx=N_CTX, batch_size=8, max_positions=limit):
        assert len(batch.labels) <= 8
        assert batch.tokens.numel() <= limit or len(batch.labels) == 1


@settings(max_examples=25)
@given(lengths_of_texts, limits)
def test_every_text_comes_exactly_once_with_its_own_tokens(word_tokenizer, lengths, limit):
    rows = rows_of(lengths)
    encodings = word_tokenizer.encode_batch([row["text"] for row in rows], n_ctx=N_CTX)
    seen = []
    for batch in batches(rows, word_tokenizer, n_ctx=N_CTX, batch_size=8, max_positions=limit):
        for ids, mask, label, example in zip(batch.tokens, batch.mask, batch.labels, batch.example, strict=True):
            assert ids[mask].tolist() == encodings[int(example)].ids
            assert int(label) == int(example)
            seen.append(int(example))
    assert sorted(seen) == list(range(len(rows)))


@settings(max_examples=25)
@given(lengths_of_texts, limits)
def test_a_batch_ends_only_where_one_text_more_would_exceed_the_limit(word_tokenizer, lengths, limit):
    made = list(batches(rows_of(lengths), word_tokenizer, n_ctx=N_CTX, batch_size=8, max_positions=limit))
    for batch, following in itertools.pairwise(made):
        with_one_more = (len(batch.labels) + 1) * int(following.mask.sum(1).min())
        assert len(batch.labels) == 8 or with_one_more > limit


@pytest.mark.parametrize("limit", [None, 8 * N_CTX, 10_000])
def test_a_limit_that_no_batch_reaches_changes_nothing(word_tokenizer, limit):
    rows = rows_of([1 + i * 7 % N_CTX for i in range(50)])
    made = list(batches(rows, word_tokenizer, n_ctx=N_CTX, batch_size=8, max_positions=limit))
    assert [len(batch.labels) for batch in made] == [8] * 6 + [2]


def test_one_position_is_one_text_a_batch(word_tokenizer):
    made = list(batches(rows_of([3, 1, 2]), word_tokenizer, n_ctx=N_CTX, max_positions=1))
    assert [batch.example.tolist() for batch in made] == [[1], [2], [0]]
    assert all(batch.mask.all() for batch in made)


def test_texts_that_were_cut_are_counted_where_they_are(word_tokenizer):
    rows = rows_of([3, N_CTX + 5, 2, N_CTX + 1, N_CTX])
    made = list(batches(rows, word_tokenizer, n_ctx=N_CTX, max_positions=2 * N_CTX))
    cut = {tuple(sorted(batch.example.tolist())): batch.n_cut for batch in made}
    assert cut == {(0, 2): 0, (1, 3): 2, (4,): 0}


def test_the_limit_holds_for_shuffled_batches_too(word_tokenizer):
    rows = rows_of([1 + i * 7 % N_CTX for i in range(50)])
    generator = torch.Generator().manual_seed(0)
    made = list(batches(rows, word_tokenizer, n_ctx=N_CTX, batch_size=8, max_positions=40, generator=generator))
    assert sorted(torch.cat([batch.example for batch in made]).tolist()) == list(range(50))
    assert max(batch.tokens.numel() for batch in made) <= 40
