"""What teaches VMASK: with gates apart the classes and the information term alone, never the SAFR terms."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from safr_lens import SafrPenalty
from safr_lens.backbones.checkpointing import checkpointed
from safr_lens.backbones.pretrained import DECODERS, FAMILIES
from safr_lens.data import batches
from safr_lens.data.batching import Batch
from safr_lens.errors import ConfigError
from safr_lens.training.step import batch_terms, half_of
from tests.backbones.pretrained.encoders import TEXTS, on_small_encoder
from tests.backbones.weights import gradients
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=16, n_other=8)


def first_batch(model):
    return next(iter(batches(DATA["train"], model.tokenizer, n_ctx=model.config.n_ctx, batch_size=8)))


def gradient_of(term, gates):
    torch.manual_seed(0)
    model = tiny_classifier().train()
    torch.nn.init.normal_(model.vmask.keep.weight, std=0.5)
    penalty = SafrPenalty.preset("attention", gates=gates, threshold=0.5, information_weight=0.1)
    terms = batch_terms(model, first_batch(model), penalty, backbone=model.adapter)
    terms[term].backward()
    sizes = {}
    for name, part in (("vmask", model.vmask), ("neurons", model.backbone.blocks[0].mlp)):
        sizes[name] = sum(w.grad.abs().sum().item() for w in part.parameters() if w.grad is not None)
    return sizes


@pytest.mark.parametrize("term", ["importance", "interaction"])
def test_the_safr_terms_teach_neurons_alone(term):
    apart, shared = gradient_of(term, "apart"), gradient_of(term, "shared")
    assert apart["vmask"] == 0 and apart["neurons"] > 0
    assert shared["vmask"] > 0 and shared["neurons"] > 0


@pytest.mark.parametrize("term", ["importance", "interaction"])
def test_so_does_the_default_penalty(term):
    model = tiny_classifier().train()
    vectors = torch.rand(model.tokenizer.d_vocab, 5, generator=torch.Generator().manual_seed(0))
    terms = batch_terms(model, first_batch(model), SafrPenalty(), backbone=model.adapter, vectors=vectors)
    terms[term].backward()
    assert all(not w.grad.any() for w in model.vmask.parameters() if w.grad is not None)
    assert gradients(model)["backbone.blocks.0.mlp.W_in"].abs().sum() > 0


@pytest.mark.parametrize("term", ["cross_entropy", "information"])
def test_classes_and_information_teach_vmask_either_way(term):
    assert gradient_of(term, "apart")["vmask"] > 0
    assert gradient_of(term, "shared")["vmask"] > 0


def test_texts_that_are_not_looked_at_count_as_little_as_padding():
    model = tiny_classifier().eval()
    batch, penalty = first_batch(model), SafrPenalty.preset("attention", gates="apart")
    texts = torch.tensor([True, False] * 4)
    capture = penalty.hook_names(model.adapter)
    whole = penalty.terms(model(batch.tokens, batch.mask, capture=capture), model.adapter, texts=texts)
    alone = penalty.terms(model(batch.tokens[texts], batch.mask[texts], capture=capture), model.adapter)
    for name in ("importance", "interaction"):
        torch.testing.assert_close(whole[name], alone[name])


def test_no_text_to_look_at_is_no_penalty():
    model = tiny_classifier().eval()
    batch, penalty = first_batch(model), SafrPenalty.preset("attention", gates="apart")
    output = model(batch.tokens, batch.mask, capture=penalty.hook_names(model.adapter))
    terms = penalty.terms(output, model.adapter, texts=torch.zeros(8, dtype=torch.bool))
    assert [terms[name].item() for name in ("importance", "interaction")] == [0.0, 0.0]


def test_constant_gates_change_gradients_and_not_values():
    model = tiny_classifier().train()
    batch = first_batch(model)
    outputs = []
    for constant in (None, torch.ones(8, dtype=torch.bool)):
        torch.manual_seed(1)
        outputs.append(model(batch.tokens, batch.mask, constant_gates=constant).logits)
    assert torch.equal(*outputs)


@pytest.mark.parametrize(("n", "sizes"), [(1, {0, 1}), (2, {1}), (7, {3, 4}), (8, {4})])
def test_half_of_the_texts_are_drawn(n, sizes):
    torch.manual_seed(0)
    drawn = torch.stack([half_of(torch.zeros(n, 3)) for _ in range(200)])
    assert set(drawn.sum(1).tolist()) == sizes
    assert (drawn.float().mean(0) - 0.5).abs().max() < 0.15  # each as often as any other


def test_an_unknown_word_is_an_error():
    with pytest.raises(ConfigError, match="gates must be one of"):
        SafrPenalty(gates="appart")


@pytest.mark.parametrize("checkpointing", [False, True], ids=["", "checkpointing"])
@pytest.mark.parametrize(
    ("family", "readout"), [*((f, "neurons") for f in FAMILIES), *((f, "neuron_head") for f in DECODERS)]
)
def test_in_bf16_terms_on_an_encoder_are_single_precision_and_close(family, readout, checkpointing):
    model = on_small_encoder(family, readout)
    penalty = SafrPenalty.preset("attention", threshold=0.3, gates="shared", information_weight=0.1, l1_weight=0.1)
    tokens, mask = model.to_tokens(TEXTS)
    batch, found = Batch(tokens, mask, torch.tensor([1, 0, 1]), torch.arange(3)), []
    for lower in (False, True):
        torch.manual_seed(0)
        model.zero_grad()
        again = checkpointed(model.adapter.encoder.blocks) if checkpointing and lower else nullcontext()
        with again, torch.autocast("cpu", dtype=torch.bfloat16, enabled=lower):
            terms = batch_terms(model, batch, penalty, backbone=model.adapter)
            sum(terms.values()).backward()
        found.append((terms, gradients(model)))
    (fine, slope), (coarse, coarse_slope) = found
    assert {"cross_entropy", "information", "importance", "interaction", "l1"} == coarse.keys()
    for name, term in coarse.items():
        assert term.dtype == torch.float32 and term.isfinite()
        assert term.item() == pytest.approx(fine[name].item(), abs=0.05), name  # bf16 has 8 bits: 0.004 of each value
    assert coarse != fine
    for name, one in coarse_slope.items():
        assert one.dtype == torch.float32 and one.isfinite().all(), name
    whole, low = (torch.cat([one[name].flatten() for name in slope]) for one in (slope, coarse_slope))
    assert torch.cosine_similarity(whole, low, dim=0) > 0.98
