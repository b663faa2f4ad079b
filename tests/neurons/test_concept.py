"""Which samples have a concept: every form of labels, and which samples are kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from safr_lens import train_tokenizer
from safr_lens.activations import stream_activations
from safr_lens.errors import ConfigError, DataError
from safr_lens.neurons import sparse_probe
from safr_lens.neurons.concept import concept_samples, labeller_of
from tests.neurons.planted import MONOSEMANTIC, WORD, WORDS, planted_model

NEURONS = "blocks.0.mlp.hook_post"


@pytest.fixture(scope="module")
def planted():
    return planted_model(300)


def samples_of(model, data, concept, *, max_samples=10_000, seed=0, layer=0):
    labeller = labeller_of(model, concept)
    return concept_samples(model, data, labeller, layer=layer, max_samples=max_samples, seed=seed)


def test_every_form_of_a_token_concept_gives_the_same_samples(planted):
    model, texts = planted
    flags = [[word == WORD for word in text.split()] for text in texts]
    forms = [
        {WORD},
        frozenset([WORD.upper()]),
        lambda word: word == WORD,
        flags,
        [tuple(map(int, row)) for row in flags],
        [torch.tensor(row) for row in flags],
        [np.array(row) for row in flags],
    ]
    found = [samples_of(model, texts, form) for form in forms]
    for samples in found:
        assert torch.equal(samples.labels, found[0].labels) and torch.equal(samples.texts, found[0].texts)
        assert torch.equal(samples.neurons, found[0].neurons)
    assert len(found[0].labels) == sum(len(text.split()) for text in texts)
    assert torch.equal(found[0].neurons[:, MONOSEMANTIC] > 0, found[0].labels)


def test_every_form_of_a_text_concept_gives_the_same_samples(planted):
    model, texts = planted
    flags = [WORD in text.split() for text in texts]
    forms = [
        flags,
        list(map(int, flags)),
        torch.tensor(flags),
        np.array(flags),
        pd.Series(flags),
        tuple(np.array(flags)),
    ]
    found = [samples_of(model, texts, form) for form in forms]
    for samples in found:
        assert torch.equal(samples.labels, found[0].labels) and torch.equal(samples.texts, found[0].texts)
    assert sorted(found[0].texts.tolist()) == list(range(len(texts)))
    with torch.no_grad():
        expected = [model(texts[i], capture=[NEURONS]).activations[NEURONS][0].mean(0) for i in found[0].texts]
    torch.testing.assert_close(found[0].neurons, torch.stack(expected), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("concept", "n_positive"), [({WORD}, None), (set(WORDS), 50), (lambda word: word != WORD, 50)])
def test_positives_are_kept_up_to_half_and_others_fill_up(planted, concept, n_positive):
    samples = samples_of(*planted, concept, max_samples=100 if n_positive else 400)
    every = samples_of(*planted, concept)
    expected = n_positive or int(every.labels.sum())
    assert int(samples.labels.sum()) == expected and len(samples.labels) == (100 if n_positive else 400)


def test_another_seed_keeps_other_texts(planted):
    model, texts = planted
    first, other = (samples_of(model, texts, [WORD in text for text in texts], max_samples=60, seed=s) for s in (0, 1))
    assert set(first.texts.tolist()) != set(other.texts.tolist())


@pytest.mark.parametrize("max_positions", [1, 60, 500])
def test_samples_do_not_depend_on_batches(planted, monkeypatch, max_positions):
    expected = samples_of(*planted, set(WORDS), max_samples=90)
    monkeypatch.setitem(
        concept_samples.__globals__,
        "stream_activations",
        lambda *a: stream_activations(*a, max_positions=max_positions),
    )
    found = samples_of(*planted, set(WORDS), max_samples=90)
    assert torch.equal(found.texts, expected.texts)
    torch.testing.assert_close(found.neurons, expected.neurons, atol=1e-6, rtol=2e-5)
    other = samples_of(*planted, set(WORDS), max_samples=90, seed=1)
    assert not torch.equal(found.texts, other.texts)


def test_streams_and_cut_texts(make_model):
    model = make_model(n_ctx=4)
    texts = ["a dull film is warm and funny", "the film is boring", "dull", "a funny story"] * 5
    for cut in (4, 100):
        labels = [[token == "film" for token in text.split()[:cut]] for text in texts]
        samples = samples_of(model, iter(texts), labels)
        assert len(samples.labels) == 60 and int(samples.labels.sum()) == 10


def test_labels_that_do_not_fit_the_data_are_errors(planted):
    model, texts = planted
    flags = [WORD in text for text in texts]
    for data in (texts, iter(texts)):
        with pytest.raises(DataError, match="concept_labels has 299 entries, but the data has 300 texts"):
            sparse_probe(model, data, flags[:-1])
    with pytest.raises(DataError, match="concept_labels has 300 entries, but the data has 5 texts"):
        sparse_probe(model, iter(texts[:5]), flags)
    per_token = [[False] * len(text.split()) for text in texts]
    per_token[7] = [*per_token[7], True]
    n = len(per_token[7])
    with pytest.raises(DataError, match=f"concept_labels has {n} labels for text 7, which has {n - 1} tokens"):
        sparse_probe(model, texts, per_token)
    with pytest.raises(DataError, match="299 entries, but the data has 300"):
        sparse_probe(model, iter(texts), [[False] * len(text.split()) for text in texts[:-1]])


@pytest.mark.parametrize(
    ("flags", "where"),
    [
        ([0, 2, 1], "got 2 at entry 1"),
        ([True, None], "got None at entry 1"),
        ([0.5], "got 0.5"),
        (["yes"], "got 'yes'"),
    ],
)
def test_labels_that_are_neither_true_nor_false_are_errors(planted, flags, where):
    with pytest.raises(DataError, match=where):
        sparse_probe(*planted, flags)


def test_a_token_label_that_is_neither_is_an_error(planted):
    with pytest.raises(DataError, match="got 3 at token 1 of text 0"):
        sparse_probe(*planted, [[0, 3]])


@pytest.mark.parametrize("concept", [None, 3, WORD, {WORD: True}])
def test_an_unknown_form_of_labels_is_an_error(planted, concept):
    with pytest.raises(ConfigError, match="concept_labels is one bool a text, one sequence of bools a text, a set of"):
        sparse_probe(*planted, concept)


def test_too_few_samples_of_a_kind_are_an_error(planted):
    model, texts = planted
    with pytest.raises(DataError, match=r"Only 0 of \d+ tokens are with the concept; a probe needs at least 4"):
        sparse_probe(model, texts, {"zygotes"})
    with pytest.raises(DataError, match="Only 3 of 300 texts are with the concept"):
        sparse_probe(model, texts, [i < 3 for i in range(300)])
    with pytest.raises(DataError, match="Only 2 of 300 texts are without the concept"):
        sparse_probe(model, texts, [i >= 2 for i in range(300)])


def test_bpe_pieces_are_labelled_by_their_vocabulary_entries(make_model, texts):
    tokenizer = train_tokenizer(texts, kind="bpe", min_frequency=1, max_vocab=40)
    model = make_model()
    words = {tokenizer.word(i) for i in range(tokenizer.d_vocab)}
    seen = set()
    model.tokenizer = tokenizer
    labeller_of(model, lambda word: seen.add(word) is None and False)
    assert seen == {word.lower() for word in words}
    model.tokenizer = train_tokenizer(texts, min_frequency=1)
