"""Overlap of tokens: its values, its gradient, and its precision."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from safr_lens import SafrPenalty
from safr_lens.penalty import TokenWords, overlap
from safr_lens.penalty.relatedness import word_occurrences
from tests.penalty.points import ONE_LAYER
from tests.reference import slow_penalty as slow


def neurons(seed: int = 0, *, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Two texts of five tokens, of which one is silent."""
    made = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(seed), dtype=dtype).relu()
    made[0, 2] = 0
    return made.requires_grad_()


def test_overlap_is_the_cosine_of_each_pair():
    h = neurons()
    found = overlap(h)
    for text, rows in zip(found, h.tolist(), strict=True):
        expected = [[slow.cosine(one, other) for other in rows] for one in rows]
        torch.testing.assert_close(text, torch.tensor(expected), atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e6])
def test_its_gradient_is_that_of_normalised_rows(scale):
    weights = torch.randn(2, 5, 5, generator=torch.Generator().manual_seed(1))
    gradients = []
    for compute in (overlap, lambda h: (unit := F.normalize(h, dim=-1, eps=1e-8)) @ unit.transpose(1, 2)):
        h = neurons()
        (weights * compute(scale * h)).sum().backward()
        gradients.append(h.grad)
    torch.testing.assert_close(*gradients, atol=1e-5 * gradients[1].abs().max().item(), rtol=1e-5)


def test_occurrences_are_counted_row_by_row():
    tokens = torch.randint(4, (3, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(9) < torch.tensor([[9], [4], [1]])
    found = word_occurrences(tokens, mask)
    for row, real, counts in zip(tokens.tolist(), mask.tolist(), found.tolist(), strict=True):
        kept = [token for token, there in zip(row, real, strict=True) if there]
        assert counts[: len(kept)] == [kept.count(token) for token in kept]


def test_terms_are_of_single_precision_under_autocast(make_model, texts):
    model, penalty = make_model(), SafrPenalty(gates="shared")
    tokens, mask = model.to_tokens(list(texts))
    words = TokenWords(tokens, torch.randn(model.tokenizer.d_vocab, 5, generator=torch.Generator().manual_seed(1)))
    output = model(tokens, mask, capture=penalty.hook_names(model.adapter))
    plain = penalty.terms(output, ONE_LAYER, words)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lower = penalty.terms(output, ONE_LAYER, words)
    assert plain == lower and all(value.dtype == torch.float32 for value in lower.values())
