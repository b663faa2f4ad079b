"""Padding changes nothing: not the logits, not the importance, no activation, no term of the penalty."""

from __future__ import annotations

import pytest
import torch

from safr_lens import SafrPenalty
from safr_lens.penalty import TokenWords

close = {"atol": 1e-5, "rtol": 0}


@pytest.fixture(params=["standard", "shortformer"])
def positions(request):
    return request.param


@pytest.fixture(params=[("neurons", 1), ("neurons", 2), ("residual", 1), ("residual", 2)], ids="{0[0]}-{0[1]}".format)
def model(request, make_model, positions):
    """Stands in for the shared fixture: both ways to tell positions."""
    readout, n_layers = request.param
    return make_model(readout, n_layers=n_layers, positional_embedding_type=positions)


def padded(model, texts, n_extra, *, with_words=False):
    """Token ids and mask with ``n_extra`` more padded positions; with words of the vocabulary there, if asked."""
    tokens, mask = model.to_tokens(list(texts))
    tokens = torch.nn.functional.pad(tokens, (0, n_extra), value=model.tokenizer.pad_id)
    mask = torch.nn.functional.pad(mask, (0, n_extra), value=False)
    if with_words:
        words = torch.randint(2, model.tokenizer.d_vocab, tokens.shape, generator=torch.Generator().manual_seed(0))
        tokens = torch.where(mask, tokens, words)
    return tokens, mask


def same_at_real_tokens(found, expected, n_real):
    """Compare one text's row of two outputs."""
    torch.testing.assert_close(found.logits, expected.logits, **close)
    torch.testing.assert_close(found.token_logits[:, :n_real], expected.token_logits, **close)
    torch.testing.assert_close(found.importance[:, :n_real], expected.importance, **close)
    assert (found.importance[:, n_real:] == 0).all()


@pytest.mark.parametrize("n_extra", [1, 9])
def test_a_text_alone_and_with_padding_are_the_same(model, texts, n_extra):
    for text in texts:
        alone = model(text)
        same_at_real_tokens(model(*padded(model, [text], n_extra)), alone, alone.mask.shape[1])


def test_a_text_alone_and_padded_to_the_whole_context_are_the_same(model, texts):
    alone = model(texts[0])
    n_real = alone.mask.shape[1]
    same_at_real_tokens(model(*padded(model, texts[:1], model.config.n_ctx - n_real)), alone, n_real)


def test_a_text_alone_and_within_a_batch_are_the_same(model, texts):
    batch = model(list(texts))
    for row, text in enumerate(texts):
        alone = model(text)
        n_real = alone.mask.shape[1]
        torch.testing.assert_close(batch.logits[row], alone.logits[0], **close)
        torch.testing.assert_close(batch.token_logits[row, :n_real], alone.token_logits[0], **close)
        torch.testing.assert_close(batch.importance[row, :n_real], alone.importance[0], **close)
        assert (batch.importance[row, n_real:] == 0).all()


def test_what_token_stands_at_padding_does_not_matter(model, texts):
    expected = model(*padded(model, texts, 3))
    found = model(*padded(model, texts, 3, with_words=True))
    torch.testing.assert_close(found.logits, expected.logits, **close)
    torch.testing.assert_close(found.token_logits[found.mask], expected.token_logits[found.mask], **close)


def test_every_activation_at_real_tokens_is_the_same(model, texts):
    n_real = model.to_tokens(texts[0])[0].shape[1]
    _, alone = model.run_with_cache(texts[0])
    _, wide = model.run_with_cache(*padded(model, texts[:1], 4, with_words=True))
    # what is not attention by query and key has its positions in the second dimension
    by_pair = {name for name in alone if name.endswith(("hook_attn_scores", "hook_pattern"))}
    assert len(by_pair) == 2 * model.config.n_layers
    for name, expected in alone.items():
        found = wide[name][..., :n_real, :n_real] if name in by_pair else wide[name]
        if name not in by_pair and name != "hook_pooled":
            found = found[:, :n_real]
        torch.testing.assert_close(found, expected, **close, msg=lambda m, name=name: f"{name}: {m}")


def test_no_attention_lands_on_padding(model, texts):
    tokens, mask = padded(model, texts, 3, with_words=True)
    _, cache = model.run_with_cache(tokens, mask)
    for layer in range(model.config.n_layers):
        pattern = cache["pattern", layer]
        assert (pattern.masked_select(~mask[:, None, None, :]) == 0).all()
        torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:-1]), **close)


PENALTIES = {
    "words": SafrPenalty(word_threshold=0.1),
    "attention": SafrPenalty.preset("attention", threshold=1.0),
    "embedding": SafrPenalty(site="embedding"),
    "none": SafrPenalty(site="none"),
}


def terms(model, tokens, mask, penalty):
    n_layers = model.config.n_layers
    penalty = penalty.changed(layers=range(n_layers))
    vectors = torch.randn(model.tokenizer.d_vocab, 4, generator=torch.Generator().manual_seed(0))
    words = TokenWords(tokens, vectors)
    return penalty.terms(model(tokens, mask, capture=penalty.hook_names(model.adapter)), model.adapter, words)


@pytest.mark.parametrize("name", list(PENALTIES))
@pytest.mark.parametrize("n_texts", [1, 6])
def test_every_term_of_the_penalty_is_the_same(model, texts, name, n_texts):
    expected = terms(model, *padded(model, texts[:n_texts], 0), PENALTIES[name])
    found = terms(model, *padded(model, texts[:n_texts], 5, with_words=True), PENALTIES[name])
    assert found.keys() == expected.keys()
    for name, term in found.items():
        torch.testing.assert_close(term, expected[name], **close, msg=lambda m, name=name: f"{name}: {m}")


def test_a_text_of_padding_alone_gives_zero_and_leaves_the_others_alone(model, texts):
    tokens, mask = padded(model, texts[:2], 0)
    tokens = torch.cat([tokens, torch.full_like(tokens[:1], model.tokenizer.pad_id)])
    mask = torch.cat([mask, torch.zeros_like(mask[:1])])
    found = model(tokens, mask)
    assert (found.logits[2] == 0).all()
    torch.testing.assert_close(found.logits[:2], model(list(texts[:2])).logits, **close)
