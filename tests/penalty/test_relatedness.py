"""Pairs of related words, and pairs across the texts of a batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens import SafrPenalty
from safr_lens.errors import ConfigError
from safr_lens.models.output import ClassifierOutput
from safr_lens.penalty import (
    TokenWords,
    across_texts,
    attention_correlation,
    drawn_tokens,
    neuron_importance,
    neuron_interaction,
    word_correlation,
)
from safr_lens.penalty.relatedness import unit_or_zero
from tests.penalty.points import ONE_LAYER
from tests.reference import slow_penalty as slow

few = settings(max_examples=15)
ragged = st.lists(st.integers(1, 7), min_size=1, max_size=4)
seeds = st.integers(0, 10_000)
D_VOCAB = 9


def random_words(mask, seed):
    g = torch.Generator().manual_seed(seed)
    vectors = torch.randn(D_VOCAB, 2, generator=g)
    vectors[0], vectors[1] = torch.nan, 0.0
    return torch.randint(D_VOCAB, mask.shape, generator=g), vectors


@few
@given(lengths=ragged, seed=seeds, threshold=st.floats(0.0, 0.9))
def test_word_correlation_equals_slow_loop(random_batch, lengths, seed, threshold):
    mask = random_batch(lengths).mask
    tokens, vectors = random_words(mask, seed)
    found = word_correlation(tokens, vectors, mask, threshold)
    expected = slow.word_correlation(tokens.tolist(), vectors.tolist(), mask.tolist(), threshold)
    torch.testing.assert_close(found, torch.tensor(expected), atol=1e-5, rtol=0)


def test_word_correlation_does_not_know_the_length_of_vectors(random_batch):
    mask = random_batch((6, 3)).mask
    tokens, vectors = random_words(mask, 1)
    scaled = vectors * torch.rand(D_VOCAB, 1).add(0.1)
    torch.testing.assert_close(word_correlation(tokens, scaled, mask), word_correlation(tokens, vectors, mask))


@few
@given(lengths=ragged, n_extra=st.integers(0, 3), seed=seeds, at_most=st.integers(1, 30))
def test_padding_does_not_change_which_tokens_are_drawn(random_batch, lengths, n_extra, seed, at_most):
    mask = random_batch(lengths).mask
    wide = torch.cat([mask, torch.zeros(len(lengths), n_extra, dtype=torch.bool)], 1)
    drawn = []
    for one in (mask, wide):
        numbered = torch.zeros(one.shape, dtype=torch.long)
        numbered[one] = torch.arange(sum(lengths))
        places = drawn_tokens(one, at_most, generator=torch.Generator().manual_seed(seed))
        drawn.append(numbered.flatten()[places].tolist())
    assert drawn[0] == drawn[1] == sorted(set(drawn[0]))
    assert len(drawn[0]) == min(at_most, sum(lengths))


def test_every_token_may_be_drawn():
    mask, g = torch.ones(1, 4, dtype=torch.bool), torch.Generator().manual_seed(0)
    seen = [drawn_tokens(mask, 2, generator=g).tolist() for _ in range(50)]
    assert {place for places in seen for place in places} == {0, 1, 2, 3}


@few
@given(lengths=ragged, seed=seeds)
def test_pairs_across_texts_are_those_within_and_zero_elsewhere(random_batch, lengths, seed):
    b = random_batch(lengths, seed=seed)
    found = across_texts(b.correlation, drawn_tokens(b.mask, 100))
    expected = torch.block_diag(*(c[:n, :n] for c, n in zip(b.correlation, lengths, strict=True)))
    torch.testing.assert_close(found, expected)


# ---- in the penalty


def captured(model, texts, penalty):
    tokens, mask = model.to_tokens(list(texts))
    output = model(tokens, mask, capture=penalty.hook_names(model.adapter))
    vectors = torch.randn(model.tokenizer.d_vocab, 5, generator=torch.Generator().manual_seed(1))
    return output, TokenWords(tokens, vectors)


@pytest.mark.parametrize("pairs", ["attention", "words"])
def test_across_a_batch_its_tokens_are_one_long_text(make_model, texts, pairs):
    model = make_model()
    threshold = {"threshold": 1.1} if pairs == "attention" else {"word_threshold": 0.2}
    penalty = SafrPenalty.preset("attention", pairs=pairs, scope="batch", **threshold)
    _, words = captured(model, texts, penalty)
    output = model(words.tokens, capture=["blocks.0.mlp.hook_post", "blocks.0.attn.hook_pattern"])
    mask = output.mask
    h, pattern = (output.activations[f"blocks.0.{name}"] for name in ("mlp.hook_post", "attn.hook_pattern"))
    attended = torch.block_diag(
        *(c[:n, :n] for c, n in zip(attention_correlation(pattern, mask, 1.1), mask.sum(1).tolist(), strict=True))
    )
    together = torch.ones(1, int(mask.sum()), dtype=torch.bool)
    related = word_correlation(words.tokens[mask].unsqueeze(0), words.vectors, together, 0.2)
    correlation = attended[None] if pairs == "attention" else related
    args = (h[mask].unsqueeze(0), output.importance[mask].unsqueeze(0), correlation, together)
    found = penalty.terms(output, ONE_LAYER, words)
    torch.testing.assert_close(found["importance"], neuron_importance(*args, 0.5), atol=1e-6, rtol=0)
    torch.testing.assert_close(found["interaction"], neuron_interaction(*args), atol=1e-6, rtol=0)


@pytest.mark.parametrize("pairs", ["attention", "words"])
def test_a_text_alone_is_the_same_in_either_scope(make_model, texts, pairs):
    model = make_model()
    inside, across = (SafrPenalty.preset("attention", pairs=pairs, scope=scope) for scope in ("text", "batch"))
    output, words = captured(model, texts[:1], inside)
    one, other = inside.terms(output, ONE_LAYER, words), across.terms(output, ONE_LAYER, words)
    for name in one:
        torch.testing.assert_close(one[name], other[name])


def test_terms_that_need_words_say_so(make_model, texts):
    model = make_model()
    for penalty in (SafrPenalty(pairs="words"), SafrPenalty(site="none", mono_weight=1.0)):
        assert penalty.needs_words
        output, _ = captured(model, texts, penalty)
        with pytest.raises(ConfigError, match="words=TokenWords"):
            penalty.terms(output, ONE_LAYER)
    assert not SafrPenalty(site="none", l1_weight=1.0).needs_words


@pytest.mark.parametrize("pairs", ["word_threshold", "batch_tokens"])
def test_vectors_made_unit_once_give_the_same_bits(make_model, texts, pairs):
    model = make_model()
    penalty = SafrPenalty(**{pairs: {"word_threshold": 0.1, "batch_tokens": 7}[pairs]})
    output, words = captured(model, texts, penalty)
    words.vectors[[3, 5]] = torch.tensor([torch.nan, 0.0]).unsqueeze(1)
    once = TokenWords(words.tokens, words.vectors, unit_or_zero(words.vectors))
    found, expected = [], []
    for into, looked_up in ((found, once), (expected, words)):
        torch.manual_seed(0)
        into.extend(penalty.terms(output, ONE_LAYER, looked_up).values())
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_counting_by_words_needs_tokens_alone(make_model, texts):
    model = make_model()
    penalty = SafrPenalty.preset("attention", scope="batch", counted_pairs="words")
    assert not penalty.needs_words
    output, words = captured(model, texts, penalty)
    with pytest.raises(ConfigError, match=r"words=TokenWords\(tokens\)"):
        penalty.terms(output, ONE_LAYER)
    assert penalty.terms(output, ONE_LAYER, TokenWords(words.tokens))["importance"].isfinite()


def test_baselines_are_terms_of_any_site_and_absent_without_a_weight(make_model, texts):
    model = make_model()
    for site in ("none", "neurons", "embedding"):
        penalty = SafrPenalty(site=site, l1_weight=2.0, mono_weight={"start": 0.0, "end": 1.0, "epochs": 2})
        output, words = captured(model, texts, penalty)
        terms = penalty.terms(output, ONE_LAYER, words)
        assert terms.keys() == penalty.weights(0.0).keys() >= {"l1", "mono"}
        assert penalty.weights(0.0)["l1"] == 2.0 and penalty.settled == 2.0
    assert not {"l1", "mono"} & SafrPenalty().weights(0.0).keys()


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("pairs", "word"),
        ("scope", "texts"),
        ("word_threshold", 1.0),
        ("batch_tokens", 1),
    ],
)
def test_a_setting_without_meaning_is_an_error(name, bad):
    with pytest.raises(ConfigError, match=name):
        SafrPenalty(**{name: bad})


def test_each_pair_of_words_counts_once_however_often_they_occur():
    generator = torch.Generator().manual_seed(0)
    tokens = torch.tensor([[2, 3, 2, 1, 4], [3, 2, 1, 5, 0]])
    mask = tokens != 0
    vectors = torch.rand(6, 3, generator=generator)
    vectors[:2] = torch.nan
    output = ClassifierOutput(
        logits=torch.zeros(2, 2),
        token_logits=torch.zeros(2, 5, 2),
        importance=torch.rand(2, 5, generator=generator),
        mask=mask,
        activations={
            "blocks.0.mlp.hook_post": torch.rand(2, 5, 7, generator=generator),
            "blocks.0.attn.hook_pattern": torch.rand(2, 1, 5, 5, generator=generator),
        },
    )
    penalty = SafrPenalty(pairs="words", scope="batch", counted_pairs="words", word_threshold=0.1)
    found = penalty.terms(output, ONE_LAYER, TokenWords(tokens, vectors))["interaction"].item()
    places = mask.flatten().nonzero().flatten().tolist()
    names, q = tokens.flatten()[places].tolist(), output.importance.flatten()[places].tolist()
    rows = output.activations["blocks.0.mlp.hook_post"].flatten(0, 1)[places].double().tolist()
    related = word_correlation(tokens.flatten()[places].unsqueeze(0), vectors, torch.ones(1, len(places)) > 0, 0.1)[0]
    above = below = 0.0
    for u in set(names):
        for v in set(names):
            of_u, of_v = ([i for i, name in enumerate(names) if name == w] for w in (u, v))
            for i in of_u:
                for j in of_v:
                    weight = related[i, j].item() * q[i] * q[j] / (len(of_u) * len(of_v))
                    above += weight * (1 - slow.cosine(rows[i], rows[j]))
                    below += weight
    assert found == pytest.approx(above / below, abs=1e-5)
    by_tokens = penalty.changed(counted_pairs="tokens")
    assert abs(by_tokens.terms(output, ONE_LAYER, TokenWords(tokens, vectors))["interaction"].item() - found) > 1e-3
