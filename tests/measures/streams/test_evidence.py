"""Counts of neurons for half of a token's evidence, streamed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings

from safr_lens.activations.corpus_statistics import CorpusStatistics
from safr_lens.measures.nulls import permutation_seed, shuffled
from safr_lens.measures.streams.evidence import EvidenceStream
from safr_lens.measures.streams.registered import ReadTexts, StreamSetup
from tests.measures.streams.corpus import D_MLP, LENGTHS, neurons, splits, texts_of
from tests.reference import slow_measures as slow

N_CLASSES = 3
WRITES = torch.randn(D_MLP, N_CLASSES, generator=torch.Generator().manual_seed(5))
LOGITS = torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 0.5], [0.5, 0.0, 3.0], [3.0, 0.0, 0.0]])
GATES = torch.tensor([0.9, 0.2, 0.8, 0.5, 0.7, 0.7, 0.7, 0.7, 0.3, 0.31])


def streamed(parts=((0, 1, 2, 3),), *, h=None, gates=GATES, writes=WRITES, seed=0):
    h = neurons() if h is None else h
    lengths = torch.tensor(LENGTHS)
    corpus = CorpusStatistics(torch.tensor([10]), torch.tensor([0, *lengths.cumsum(0)]), torch.zeros(4), 0)
    stream = EvidenceStream(StreamSetup(corpus, D_MLP, N_CLASSES, 4, seed, writes))
    for part in parts:
        chosen = torch.tensor(part)
        stream.update(
            ReadTexts(
                neurons=torch.zeros(0, D_MLP),
                tokens=torch.zeros(0),
                numbers=torch.zeros(0),
                rows=torch.arange(len(part)).repeat_interleave(lengths[chosen]),
                lengths=lengths[chosen],
                example=chosen,
                groups=chosen,
                logits=LOGITS[chosen],
                labels=chosen,
                importance=torch.cat([gates.split(LENGTHS)[i] for i in part]),
                written=torch.cat([texts_of(h)[i] for i in part]),
            )
        )
    return stream.result()


def histogram(counts):
    return torch.bincount(torch.tensor(counts), minlength=D_MLP + 1)


def needed(text, h, order=None):
    directions = slow.contrasted(WRITES.tolist(), int(LOGITS[text].argmax()))
    directions = directions if order is None else [directions[i] for i in order]
    return [
        slow.neurons_for_half([a * b for a, b in zip(row, directions, strict=True)])
        for row in texts_of(h)[text].tolist()
    ]


def test_it_equals_a_slow_loop_with_and_without_permuted_directions():
    found = streamed(seed=3)
    blocks = shuffled(torch.arange(4), 4, seed=3).tolist()
    for text, block in enumerate(blocks):
        order = shuffled(torch.arange(D_MLP), D_MLP, seed=permutation_seed(3, block)).tolist()
        assert sorted(order) == list(range(D_MLP))
        assert torch.equal(found.all_tokens[block, 0], histogram(needed(text, neurons())))
        assert torch.equal(found.all_tokens[block, 1], histogram(needed(text, neurons(), order)))


def test_important_tokens_have_at_least_the_mean_importance_of_their_text():
    found = streamed()
    blocks = shuffled(torch.arange(4), 4, seed=0).tolist()
    for text, gates in enumerate(GATES.split(LENGTHS)):
        chosen = [k for k, g in zip(needed(text, neurons()), gates, strict=True) if g >= gates.mean() - 1e-5]
        assert torch.equal(found.important[blocks[text], 0], histogram(chosen))
    assert found.important[:, 0].sum() == 2 + 1 + 4 + 1


@pytest.mark.parametrize("gate", [1.0, 0.482])
def test_with_equal_gates_every_token_is_important(gate):
    found = streamed(gates=torch.full_like(GATES, gate))
    assert torch.equal(found.important, found.all_tokens)


@settings(max_examples=15)
@given(split=splits)
def test_batches_and_their_order_do_not_matter(split):
    found, whole = streamed(split), streamed()
    assert torch.equal(found.all_tokens, whole.all_tokens) and torch.equal(found.important, whole.important)


def test_the_scale_of_the_activations_does_not_matter():
    assert torch.equal(streamed(h=8 * neurons()).all_tokens, streamed().all_tokens)


def test_where_all_neurons_write_the_same_the_null_is_the_value():
    found = streamed(writes=torch.tensor([[1.0, -1.0, 0.5]]).expand(D_MLP, -1)).all_tokens
    assert torch.equal(found[:, 0], found[:, 1])
