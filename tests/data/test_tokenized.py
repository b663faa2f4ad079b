"""Texts are tokenised once, with the ids that the tokenizer gives."""

from __future__ import annotations

from safr_lens.data.tokenized import TokenizedTexts, tokenized_once
from safr_lens.data.tokenizer import TextTokenizer, train_tokenizer

TEXTS = ["a good film", "a bad film , bad", "a good film"]


def test_ids_are_those_of_the_tokenizer_and_asked_for_once(monkeypatch):
    tokenizer = train_tokenizer(TEXTS, min_frequency=1)
    expected = tokenizer.ids_batch(TEXTS, n_ctx=4)
    asked = []
    plain = TextTokenizer.ids_batch
    monkeypatch.setattr(
        TextTokenizer, "ids_batch", lambda self, texts, *, n_ctx: asked.extend(texts) or plain(self, texts, n_ctx=n_ctx)
    )
    data = tokenized_once(TEXTS, tokenizer)
    for _ in range(3):
        assert data.ids_batch(TEXTS, n_ctx=4) == expected
    assert asked == TEXTS[:2]
    assert list(data) == TEXTS and len(data) == 3
    assert data.ids_batch(TEXTS[1:2], n_ctx=2) == plain(tokenizer, TEXTS[1:2], n_ctx=2)


def test_what_has_no_length_stays_as_it_is():
    tokenizer = train_tokenizer(TEXTS, min_frequency=1)
    stream = (text for text in TEXTS)
    assert tokenized_once(stream, tokenizer) is stream
    assert isinstance(tokenized_once(TEXTS, tokenizer), TokenizedTexts)
