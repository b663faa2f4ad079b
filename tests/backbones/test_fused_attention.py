"""Fused attention: the same values and gradients, and only where nobody looks at scores or pattern."""

from __future__ import annotations

import pytest
import torch

from safr_lens import HookedClassifier
from safr_lens.backbones.versions import has_hooked_transformer

KINDS = [
    pytest.param(
        "hooked_transformer",
        marks=pytest.mark.skipif(not has_hooked_transformer(), reason="TransformerLens 4 has no HookedTransformer"),
    ),
    "native_bridge",
    "encoder",
]
LOOKED_AT = {
    "scores": lambda model: model.adapter.attention_scores(0),
    "pattern": lambda model: model.adapter.attention_pattern(0),
}


@pytest.fixture
def counted(monkeypatch) -> list[None]:
    """One entry for each fused call."""
    calls, fused = [], torch.nn.functional.scaled_dot_product_attention

    def count(*args, **options):
        calls.append(None)
        return fused(*args, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", count)
    return calls


@pytest.fixture(params=KINDS)
def model(request, make_model, small_bert) -> HookedClassifier:
    if request.param == "encoder":
        return HookedClassifier.from_pretrained_backbone(small_bert, labels=["a", "b"], freeze="none", d_mlp=16)
    return make_model(backbone=request.param, n_layers=2)


@pytest.fixture
def batch(model) -> tuple[torch.Tensor, torch.Tensor]:
    """Three texts of different lengths."""
    mask = torch.arange(7) < torch.tensor([[7], [4], [2]])
    tokens = torch.randint(5, 12, mask.shape, generator=torch.Generator().manual_seed(0))
    return torch.where(mask, tokens, model.tokenizer.pad_id), mask


def gradients(model: HookedClassifier, batch: tuple, **options) -> tuple[torch.Tensor, list[torch.Tensor]]:
    model.zero_grad()
    logits = model(*batch, **options).logits
    logits.square().sum().backward()
    return logits, [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]


@pytest.mark.parametrize("point", LOOKED_AT.values(), ids=list(LOOKED_AT))
def test_values_and_gradients_are_those_of_the_attention_that_is_looked_at(model, batch, counted, point):
    layers = model.adapter.encoder.n_layers if hasattr(model.adapter, "encoder") else model.adapter.n_layers
    fused = gradients(model, batch)
    assert len(counted) == layers
    seen = gradients(model, batch, capture=[point(model)])
    assert len(counted) == 2 * layers - 1, "the layer that is looked at is not fused, the others are"
    torch.testing.assert_close(fused, seen, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("point", LOOKED_AT.values(), ids=list(LOOKED_AT))
def test_hooks_and_edits_always_take_effect(model, batch, counted, point):
    name, plain = point(model), model(*batch).logits

    def uneven(value, hook=None):
        return value * torch.linspace(0.0, 2.0, value.shape[-1])

    edited = model.run_with_hooks(*batch, fwd_hooks=[(name, uneven)]).logits
    assert not torch.allclose(edited, plain, atol=1e-4)
    with model.hooks(fwd_hooks=[(name, uneven)]):
        torch.testing.assert_close(model(*batch).logits, edited, atol=0, rtol=0)
    assert torch.equal(model(*batch).logits, plain), "without a hook it is fused again"
    met = []
    with model.hooks(bwd_hooks=[(name, lambda gradient, hook: met.append(gradient.shape[-2:]))]):
        model(*batch).logits.sum().backward()
    assert met == [(7, 7)]


def test_a_text_of_padding_alone_gives_no_nan(model, batch):
    tokens, mask = batch
    mask = mask & torch.tensor([[True], [False], [True]])
    logits, found = gradients(model, (tokens, mask))
    assert logits.isfinite().all() and all(gradient.isfinite().all() for gradient in found)


def test_a_padded_batch_is_fused_as_one_without_padding_is(make_model, counted):
    model = make_model()
    tokens = torch.tensor([[3, 4, 5]])
    alone = model(tokens).logits
    padded = model(torch.tensor([[3, 4, 5, 0, 0]]), torch.tensor([[True, True, True, False, False]])).logits
    assert len(counted) == 2
    torch.testing.assert_close(alone, padded, atol=1e-6, rtol=0)
