"""Pairs of words that speak for the same class, and for different ones."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens import SafrPenalty
from safr_lens.errors import ConfigError
from safr_lens.penalty import TokenWords, class_agreement, neuron_interaction, word_correlation
from tests.reference import slow_penalty as slow

few = settings(max_examples=15)
D_VOCAB = 9


def random_shares(seed: int, n_classes: int = 3) -> torch.Tensor:
    return torch.rand(D_VOCAB, n_classes, generator=torch.Generator().manual_seed(seed)).softmax(1)


@few
@given(seed=st.integers(0, 10_000), n_classes=st.integers(2, 5), tolerance=st.floats(0.01, 1.0))
def test_equals_slow_loop(seed, n_classes, tolerance):
    tokens = torch.randint(D_VOCAB, (3, 6), generator=torch.Generator().manual_seed(seed))
    shares = random_shares(seed, n_classes)
    found = class_agreement(tokens, shares, tolerance)
    expected = slow.class_agreement(tokens.tolist(), shares.double().tolist(), tolerance)
    torch.testing.assert_close(found, torch.tensor(expected), atol=2e-4, rtol=0)


def test_does_not_know_the_order_of_classes_and_is_symmetric():
    tokens, shares = torch.arange(D_VOCAB).unsqueeze(0), random_shares(1)
    found = class_agreement(tokens, shares, 0.3)
    torch.testing.assert_close(found, class_agreement(tokens, shares[:, [2, 0, 1]], 0.3))
    torch.testing.assert_close(found, found.transpose(1, 2))
    assert torch.equal(found.diagonal(dim1=1, dim2=2), torch.ones(1, D_VOCAB))


def test_words_of_opposite_classes_never_agree_and_a_wide_tolerance_minds_less():
    tokens = torch.tensor([[0, 1, 2]])
    shares = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.4]])
    assert class_agreement(tokens, shares, 1.0)[0, 0, 1] == 0
    narrow, wide = (class_agreement(tokens, shares, tolerance) for tolerance in (0.5, 1.0))
    assert (narrow <= wide).all() and narrow[0, 0, 2] < wide[0, 0, 2]


def captured(model, texts, penalty):
    generator = torch.Generator().manual_seed(1)
    tokens, mask = model.to_tokens(list(texts))
    output = model(tokens, mask, capture=penalty.hook_names(model.config.n_layers))
    vectors = torch.randn(model.tokenizer.d_vocab, 5, generator=generator)
    shares = torch.rand(model.tokenizer.d_vocab, 2, generator=generator).softmax(1)
    return output, TokenWords(tokens, vectors, shares)


def test_in_the_penalty_it_multiplies_the_relatedness_of_words(make_model, texts):
    model = make_model()
    penalty = SafrPenalty.preset("attention", pairs="words", word_threshold=0.1, class_tolerance=0.2)
    assert penalty.compares_classes
    output, words = captured(model, texts, penalty)
    related = word_correlation(words.tokens, words.vectors, output.mask, 0.1)
    agreeing = related * class_agreement(words.tokens, words.class_shares, 0.2)
    h = output.activations["blocks.0.mlp.hook_post"]
    expected = neuron_interaction(h, output.importance, agreeing, output.mask)
    found = penalty.terms(output, 1, words)["interaction"]
    torch.testing.assert_close(found, expected)
    blind = dataclasses.replace(penalty, class_tolerance=None).terms(output, 1, words)["interaction"]
    assert (blind - found).abs() > 1e-4


def test_words_that_all_speak_alike_change_nothing(make_model, texts):
    model = make_model()
    penalty = SafrPenalty(pairs="both", scope="batch", class_tolerance=0.1)
    output, words = captured(model, texts, penalty)
    alike = dataclasses.replace(words, class_shares=torch.full_like(words.class_shares, 0.5))
    found = penalty.terms(output, 1, alike)
    blind = dataclasses.replace(penalty, class_tolerance=None).terms(output, 1, words)
    for name in blind:
        torch.testing.assert_close(found[name], blind[name])


def test_missing_shares_are_an_error_where_they_are_needed(make_model, texts):
    model = make_model()
    penalty = SafrPenalty(pairs="words", class_tolerance=0.2)
    output, words = captured(model, texts, penalty)
    with pytest.raises(ConfigError, match="class_shares"):
        penalty.terms(output, 1, dataclasses.replace(words, class_shares=None))
    for blind in ({"pairs": "attention"}, {"site": "none"}):
        assert not SafrPenalty(class_tolerance=0.2, **blind).compares_classes


@pytest.mark.parametrize("bad", [0.0, 1.5, -0.1, "wide"])
def test_a_tolerance_without_meaning_is_an_error(bad):
    with pytest.raises(ConfigError, match="class_tolerance"):
        SafrPenalty(class_tolerance=bad)
