"""Texts without some of their tokens, as the model reads them."""

from __future__ import annotations

import itertools

import pytest
import torch
from tokenizers import Tokenizer, models

from safr_lens.data import TextTokenizer
from safr_lens.errors import ConfigError
from safr_lens.measures.faithfulness import (
    deletion,
)
from safr_lens.measures.faithfulness.deletion import OPERATORS, Variants, probabilities
from tests.reference import slow_faithfulness as slow

close = {"atol": 1e-5, "rtol": 0}


def random(*shape, seed):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("operator", OPERATORS)
def test_deletions_equal_one_forward_pass_each(model, texts, operator):
    variants = []
    for i, text in enumerate(texts):
        tokens = model.to_tokens(text)[0][0]
        variants.append(Variants(tokens, random(5, len(tokens), seed=i) > 0.5))
    found = probabilities(model, variants, operator=operator)
    for text, variant, values in zip(texts, variants, found, strict=True):
        for kept, value in zip(variant.kept, values, strict=True):
            deleted = (~kept).nonzero().flatten().tolist()
            assert value.tolist() == pytest.approx(slow.probabilities_without(model, text, deleted, operator), abs=1e-5)


def test_operators_differ(make_model):
    model = make_model()
    tokens = model.to_tokens("a gripping , funny film")[0][0]
    variants = [Variants(tokens, torch.tensor([[True, False, True, True, False]]))]
    found = [probabilities(model, variants, operator=operator)[0][0, 0].item() for operator in OPERATORS]
    for one, other in itertools.combinations(found, 2):
        assert abs(one - other) > 1e-3


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c"]])
def test_a_text_without_any_token_has_all_classes_alike(make_model, labels):
    model = make_model(labels=labels)
    tokens = model.to_tokens("a dull film")[0][0]
    nothing = Variants(tokens, torch.zeros(1, 3, dtype=torch.bool))
    (found,) = probabilities(model, [nothing], operator="remove")
    assert found.tolist() == [pytest.approx([1 / len(labels)] * len(labels), abs=1e-6)]
    (beside,) = probabilities(model, [Variants(tokens, torch.tensor([[True] * 3, [False] * 3]))], operator="remove")
    # two versions are one matrix product and one is another: they agree to the last digits of a probability, no further
    assert beside[1].tolist() == pytest.approx(found[0].tolist(), abs=1e-6)
    assert beside[0].tolist() == pytest.approx(model(tokens.unsqueeze(0)).probabilities[0].tolist(), abs=1e-6)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("size", [1, 7, 25])
def test_how_versions_are_split_into_batches_does_not_matter(make_model, texts, monkeypatch, operator, size):
    model = make_model()
    tokens = [model.to_tokens(text)[0][0] for text in texts]
    variants = [Variants(ids, random(6, len(ids), seed=i) > 0.4) for i, ids in enumerate(tokens)]
    together = probabilities(model, variants, operator=operator)
    monkeypatch.setattr(deletion, "TOKENS_PER_BATCH", size)
    shapes = []
    model.add_hook("hook_token_logits", lambda value, hook: shapes.append(value.shape[:2]))
    apart = probabilities(model, variants, operator=operator)
    model.reset_hooks()
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other, **close)
    assert len(shapes) > 1 and all(batch == 1 or batch * pos <= size for batch, pos in shapes)


def test_the_unknown_token_of_the_tokenizer_is_used():
    unusual = TextTokenizer(Tokenizer(models.WordLevel({"[PAD]": 0, "a": 1, "<oov>": 2}, unk_token="<oov>")))
    assert deletion.unknown_id(unusual) == 2
    with pytest.raises(ConfigError, match="choose 'remove' or 'gate'"):
        deletion.unknown_id(TextTokenizer(Tokenizer(models.BPE())))
