"""Texts are read and tokenised once, and give the batches that they give without."""

from __future__ import annotations

import torch

from safr_lens.data.batching import batches
from safr_lens.data.tokenized import tokenized_once
from safr_lens.data.tokenizer import TextTokenizer, train_tokenizer

ROWS = [{"text": text, "label": i % 2} for i, text in enumerate(["a good film", "a bad film , bad", "film", "a film"])]
SIZES = {"n_ctx": 4, "batch_size": 2, "pool_size": 3, "max_positions": 8}


def assert_same(one, other):
    for name, value in vars(one).items():
        same = torch.equal(value, getattr(other, name)) if isinstance(value, torch.Tensor) else None
        assert same if same is not None else value == getattr(other, name)


def test_batches_are_those_of_the_rows_and_texts_are_asked_for_once(monkeypatch):
    tokenizer = train_tokenizer([row["text"] for row in ROWS], min_frequency=1)
    expected = list(batches(ROWS, tokenizer, **SIZES))
    asked = []
    plain = TextTokenizer.ids_batch
    monkeypatch.setattr(
        TextTokenizer, "ids_batch", lambda self, texts, *, n_ctx: asked.extend(texts) or plain(self, texts, n_ctx=n_ctx)
    )
    data = tokenized_once(ROWS, tokenizer)
    for _ in range(3):
        found = list(data.batches(**SIZES))
        assert len(found) == len(expected) > 1
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
            assert one.tokens.dtype == other.tokens.dtype
    assert sorted(asked) == sorted(row["text"] for row in ROWS)
    assert list(data) == ROWS and len(data) == 4
    (longer,) = data.batches(**SIZES | {"n_ctx": 5, "batch_size": 4, "pool_size": 4, "max_positions": 20})
    assert longer.tokens.shape == (4, 5) and longer.n_cut == 0


def test_a_reading_that_was_broken_off_is_not_taken_for_the_whole():
    tokenizer = train_tokenizer([row["text"] for row in ROWS], min_frequency=1)
    data = tokenized_once(ROWS, tokenizer)
    next(data.batches(**SIZES))
    assert sum(len(batch.labels) for batch in data.batches(**SIZES)) == 4
