"""One model in eight threads at once: each call gives what it gives alone, bit for bit."""

from __future__ import annotations

import contextvars
import copy
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
import torch

from safr_lens import HookedClassifier
from safr_lens.neurons import ablate
from tests.backbones import toy  # noqa: F401, registers the backbone
from tests.backbones.pretrained.encoders import write_small_bert, write_small_classifier

NEURONS = "blocks.0.mlp.hook_post"
TEXT = "a gripping , funny film"


@pytest.fixture(autouse=True)
def restless():
    """Threads take turns as often as Python can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def call(model, text):
    output = model(text)
    return [output.logits, output.token_logits, output.importance]


def captured(model, text):
    output = model(text, capture=[NEURONS, "hook_embed"])
    return [output.logits, *output.activations.values()]


def decomposed(model, text):
    parts = model.decompose(text)
    return [parts.logits, parts.neurons, *parts.others.values()]


def cached(model, text):
    output, cache = model.run_with_cache(text)
    return [output.logits, *cache.values()]


def patched(model, text):
    """Each call adds a vector that no other call adds."""
    patch = [(NEURONS, lambda value, hook: value + torch.linspace(0, len(text), value.shape[-1]))]
    return [model.run_with_hooks(text, fwd_hooks=patch).logits]


def ablated(model, text):
    with ablate(model, len(text) % 32):
        return call(model, text)


def gradients(model, text):
    seen = []
    look = [(NEURONS, lambda gradient, hook: seen.append(gradient))]
    logits = model.run_with_hooks(text, bwd_hooks=look).logits
    torch.autograd.grad(logits[0, 0], list(model.parameters()), allow_unused=True)
    return seen


def activations(model, text):
    return list(model.activations(*model.to_tokens(text), names=[NEURONS]).values())


def captured_pooled(model, text):
    return list(model(text, capture=["hook_pooled"]).activations.values())


def cached_pooled(model, text):
    return list(model.run_with_cache(text, names_filter=[model.adapter.neurons(0), "hook_pooled"])[1].values())


def activations_pooled(model, text):
    return list(model.activations(*model.to_tokens(text), names=[model.adapter.neurons(0)]).values())


@pytest.fixture(params=[("neurons", 1), ("residual", 2)], ids="{0[0]}-{0[1]}".format)
def model(request, make_model):
    readout, n_layers = request.param
    return make_model(readout, n_layers=n_layers)


USES = [call, captured, decomposed, cached, patched, ablated, gradients, activations]


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_eight_threads_give_what_one_gives(model, texts, use):
    alone = {text: use(model, text) for text in texts}
    asked = list(texts) * 5
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: use(model, text), asked))
    for text, values in zip(asked, together, strict=True):
        assert len(values) == len(alone[text]) > 0
        assert all(map(torch.equal, values, alone[text]))


def test_different_uses_do_not_meet(make_model, texts, hooks_left):
    model = make_model("residual", n_layers=2)
    asked = [(use, text) for text in texts for use in USES] * 2
    alone = {(use, text): use(model, text) for use, text in asked}
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: one[0](model, one[1]), asked))
    for one, values in zip(asked, together, strict=True):
        assert all(map(torch.equal, values, alone[one]))
    assert not hooks_left(model)


def write_families(folder):
    """Return what makes a classifier on each other kind of backbone."""
    encoder = write_small_bert(folder / "small-bert")
    kinds = {"labels": ("negative", "positive"), "d_mlp": 8}
    return {
        "neuron head": lambda: HookedClassifier.from_pretrained_backbone(encoder, readout="neuron_head", **kinds),
        "neuron head, trained encoder": lambda: HookedClassifier.from_pretrained_backbone(
            encoder, readout="neuron_head", freeze="none", **kinds
        ),
        "encoder": lambda: HookedClassifier.from_pretrained_backbone(encoder, readout="residual", **kinds),
        "fine-tuned classifier": lambda: HookedClassifier.from_hf_classifier(
            write_small_classifier(folder / "classifier", "bert", kinds["labels"])
        ),
    }


BACKBONES = ("native_bridge", "toy", "neuron head", "neuron head, trained encoder", "encoder", "fine-tuned classifier")


@pytest.mark.parametrize("backbone", BACKBONES)
def test_other_backbones_can_be_called_from_threads_from_their_first_pass_on(make_model, texts, tmp_path, backbone):
    def make():
        found = write_families(tmp_path).get(backbone)
        return found() if found else make_model("residual", n_layers=2, backbone=backbone)

    uses = [call, captured_pooled, cached_pooled, activations_pooled]
    uses += [decomposed] if make().adapter.capabilities.exact_decomposition else []
    asked = [(use, text) for text in texts for use in uses] * 4
    alone, model = make(), make()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda one: one[0](model, one[1]), asked))
    expected = {(use, text): use(alone, text) for use, text in asked[: len(texts) * len(uses)]}
    for one, values in zip(asked, together, strict=True):
        assert len(values) == len(expected[one]) > 0
        assert all(map(torch.equal, values, expected[one]))


def test_a_model_in_training_mode_is_evaluated_by_all_and_put_back(make_model, texts):
    model = make_model(dropout=0.5)
    alone = {text: decomposed(model, text) for text in texts}
    model.train()
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: decomposed(model, text), list(texts) * 10))
    for text, values in zip(list(texts) * 10, together, strict=True):
        assert all(map(torch.equal, values, alone[text]))
    assert all(module.training for module in model.modules())


def test_hooks_that_are_added_to_the_model_act_in_all_threads(make_model):
    model = make_model()
    with model.hooks(fwd_hooks=[("hook_pooled", lambda value, hook: value * 0)]), ThreadPoolExecutor(8) as pool:
        assert all((output.logits == 0).all() for output in pool.map(model, [TEXT] * 40))


def test_an_ablation_is_the_threads_own_and_can_be_handed_on(make_model):
    model = make_model()
    intact = model(TEXT).logits
    with ablate(model, range(32)), ThreadPoolExecutor(1) as pool:
        assert not torch.equal(model(TEXT).logits, intact)
        assert torch.equal(pool.submit(model, TEXT).result().logits, intact)
        handed_on = pool.submit(contextvars.copy_context().run, model, TEXT).result()
        assert torch.equal(handed_on.logits, model(TEXT).logits)


def test_a_model_called_within_a_hook_is_not_edited_twice(make_model):
    model = make_model("residual")
    alone = model(TEXT).logits
    inside = []

    def ask(value, hook):
        if not inside:
            inside.append("asking")
            inside.append(model(TEXT).logits)

    model.run_with_hooks("a dull film", fwd_hooks=[("blocks.0.hook_resid_mid", ask)])
    assert torch.equal(inside[1], alone)


def test_copies_of_a_model_are_models_of_their_own(make_model, texts):
    model = make_model()
    twin = copy.deepcopy(model)
    others = [twin]
    if model.config.backbone != "native_bridge":  # TransformerLens 4 cannot pickle a bridge
        file = BytesIO()
        torch.save(model, file)
        file.seek(0)
        others.append(torch.load(file, weights_only=False))
    for other in others:
        intact = model(list(texts)).logits
        assert torch.equal(other(list(texts)).logits, intact)
        with ablate(other, range(32)):
            assert not torch.equal(other(list(texts)).logits, intact)
            assert torch.equal(model(list(texts)).logits, intact)
