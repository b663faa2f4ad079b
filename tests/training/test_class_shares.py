"""Which class each word speaks for, counted in the training texts."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens import SafrPenalty, TrainConfig, train, train_tokenizer
from safr_lens.training import loop
from safr_lens.training.class_shares import class_shares
from tests.training.corpus import WORDS, sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=64, n_other=16)


def by_hand(rows, tokenizer, n_classes, smoothing):
    texts = [set(tokenizer.encode(row["text"], n_ctx=16).ids) for row in rows]
    prior = [sum(row["label"] == c for row in rows) / len(rows) for c in range(n_classes)]
    shares = []
    for word in range(tokenizer.d_vocab):
        having = [row["label"] for row, ids in zip(rows, texts, strict=True) if word in ids]
        found = [having.count(c) + smoothing * prior[c] for c in range(n_classes)]
        shares.append([one / (len(having) + smoothing) for one in found])
    return torch.tensor(shares)


@settings(max_examples=10)
@given(
    rows=st.lists(
        st.tuples(st.lists(st.sampled_from("abcde"), min_size=1, max_size=6), st.integers(0, 2)), min_size=1, max_size=9
    ),
    smoothing=st.floats(0.1, 20.0),
)
def test_equals_counting_by_hand(rows, smoothing):
    rows = [{"text": " ".join(words), "label": label} for words, label in rows]
    tokenizer = train_tokenizer(["a b c d e"], min_frequency=1)
    found = class_shares(rows, tokenizer, n_classes=3, n_ctx=16, smoothing=smoothing)
    torch.testing.assert_close(found, by_hand(rows, tokenizer, 3, smoothing), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.sum(1), torch.ones(len(found)))


def test_a_word_nobody_used_speaks_for_no_class_more_than_all_texts_do():
    tokenizer = train_tokenizer(["a b c"], min_frequency=1)
    rows = [{"text": "a", "label": 0}, {"text": "a b", "label": 0}, {"text": "b b b", "label": 1}]
    shares = class_shares(rows, tokenizer, n_classes=2, n_ctx=8, smoothing=1.0)
    unseen, a, b = shares[tokenizer.encode("c a b", n_ctx=8).ids]
    torch.testing.assert_close(unseen, torch.tensor([2 / 3, 1 / 3]))
    torch.testing.assert_close(a, torch.tensor([8 / 9, 1 / 9]))
    torch.testing.assert_close(b, torch.tensor([5 / 9, 4 / 9]))


def test_words_of_a_class_are_told_apart_in_the_corpus():
    tokenizer = tiny_classifier().tokenizer
    shares = class_shares(DATA["train"], tokenizer, n_classes=2, n_ctx=16)[:, 1]
    blame, praise = (shares[tokenizer.encode(" ".join(words), n_ctx=16).ids] for words in WORDS)
    assert blame.max() < shares[tokenizer.encode("the film", n_ctx=16).ids].min() < praise.min()


def fit(tolerance):
    penalty = SafrPenalty(pairs="words", scope="batch", word_threshold=0.0, class_tolerance=tolerance)
    config = TrainConfig(batch_size=8, learning_rate=1e-2, epochs=2)
    return train(tiny_classifier(), DATA, config, penalty=penalty, progress=False)


def test_a_training_gives_the_penalty_the_shares_of_its_own_training_texts(monkeypatch):
    given_shares = []
    original = loop.batch_terms

    def noting(*args, **kwargs):
        given_shares.append(kwargs["class_shares"])
        return original(*args, **kwargs)

    monkeypatch.setattr(loop, "batch_terms", noting)
    fit(0.2)
    expected = class_shares(DATA["train"], tiny_classifier().tokenizer, n_classes=2, n_ctx=16)
    assert all(torch.equal(one, expected) for one in given_shares)
    given_shares.clear()
    fit(None)
    assert set(given_shares) == {None}


@pytest.mark.parametrize("tolerance", [0.2, 1.0])
def test_the_tolerance_changes_the_training(tolerance):
    blind, seeing = fit(None).model.state_dict(), fit(tolerance).model.state_dict()
    assert any(not torch.equal(value, seeing[name]) for name, value in blind.items())
