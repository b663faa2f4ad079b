"""What a corpus is made of, counted ahead of any activation."""

from __future__ import annotations

import pytest
import torch

from safr_lens.activations import stream
from safr_lens.activations.corpus_statistics import corpus_statistics


@pytest.fixture
def rows(texts):
    return [{"text": text, "label": i % 2} for i, text in enumerate([*texts, *texts, *texts])]


def test_counts_of_types_lengths_and_labels(make_model, rows):
    model = make_model()
    corpus = corpus_statistics(model, rows)
    ids = [model.to_tokens(row["text"])[0][0] for row in rows]
    assert corpus.offsets.diff().tolist() == [len(one) for one in ids]
    assert corpus.labels.tolist() == [row["label"] for row in rows]
    assert corpus.type_counts.tolist() == torch.bincount(torch.cat(ids), minlength=model.tokenizer.d_vocab).tolist()
    assert (corpus.n_texts, corpus.n_tokens, corpus.labelled) == (18, sum(map(len, ids)), True)
    assert not corpus_statistics(model, ["a film"]).labelled


def test_tokens_are_numbered_through_the_corpus(make_model, rows):
    model = make_model()
    corpus = corpus_statistics(model, rows)
    ids = torch.cat([model.to_tokens(row["text"])[0][0] for row in rows])
    numbers = []
    for batch in stream.stream_activations(model, rows, "hook_embed", max_positions=20):
        assert torch.equal(ids[corpus.token_numbers(batch)], batch.tokens)
        numbers += corpus.token_numbers(batch).tolist()
    assert sorted(numbers) == list(range(corpus.n_tokens))
