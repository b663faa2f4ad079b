"""Every registered term, and its gradient, stays finite where a batch has next to nothing in it."""

from __future__ import annotations

import pytest
import torch

from safr_lens import SafrPenalty
from safr_lens.data.batching import Batch
from safr_lens.penalty.registry import registered_terms, sites, weight_name
from safr_lens.training.step import batch_terms, weighted_sum
from tests.training.corpus import tiny_classifier

TERMS = [(site, term) for site in sites() for term in registered_terms(site)]
LENGTHS = {
    "one token each": (1, 1, 1),
    "one text of one token": (1,),
    "usual": (4, 2, 1),
    "one is all masked": (4, 0, 2),
}


def silent(model):
    model.adapter.w_in(0).data.zero_()
    for name, weight in model.named_parameters():
        if name.endswith("b_in"):
            weight.data.fill_(-1e3)


def constant_attention(model):
    for name, weight in model.named_parameters():
        if name.rpartition(".")[2] in ("W_Q", "W_K", "b_Q", "b_K") or ".attn.q." in name or ".attn.k." in name:
            weight.data.zero_()


def constant_embedding(model):
    model.adapter.embedding.data.fill_(0.5)


def shut_gates(model):
    for weight in (*model.vmask.keep.parameters(), *model.vmask.hidden.parameters()):
        weight.data.zero_()
    model.vmask.keep.bias.data.copy_(torch.tensor([100.0, -100.0]))


STATES = {one.__name__: one for one in (silent, constant_attention, constant_embedding, shut_gates)}


def batch_of(model, lengths):
    pos = max(lengths)
    mask = torch.arange(pos) < torch.tensor(lengths).unsqueeze(1)
    tokens = torch.randint(2, model.tokenizer.d_vocab, mask.shape, generator=torch.Generator().manual_seed(0))
    n = len(lengths)
    return Batch(
        tokens=tokens.masked_fill(~mask, model.tokenizer.pad_id),
        mask=mask,
        labels=torch.arange(n) % 2,
        example=torch.arange(n),
        n_cut=0,
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16 autocast", "bf16"])
@pytest.mark.parametrize("state", ["as drawn", *STATES])
@pytest.mark.parametrize(("site", "term"), TERMS, ids=lambda one: one if isinstance(one, str) else one.name)
def test_a_term_and_its_gradient_are_finite(site, term, state, precision):
    torch.manual_seed(0)
    penalty = SafrPenalty(site=site, **{weight_name(term): 1.0})
    model = tiny_classifier()
    STATES.get(state, lambda model: None)(model)
    model = model.bfloat16() if precision == "bf16" else model
    vectors = torch.randn(model.tokenizer.d_vocab, 4)
    vectors[2], vectors[3] = torch.nan, 0.0  # a word without a vector, and one of length 0
    for what, lengths in LENGTHS.items():
        model.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16 autocast"):
            terms = batch_terms(
                model.train(), batch_of(model, lengths), penalty, backbone=model.adapter, vectors=vectors
            )
            loss = weighted_sum(terms, penalty.weights(0.0))
        loss.backward()
        assert term.name in terms
        assert all(value.isfinite() for value in terms.values()), (what, terms)
        bad = [name for name, one in model.named_parameters() if one.grad is not None and not one.grad.isfinite().all()]
        assert not bad, (what, bad)
