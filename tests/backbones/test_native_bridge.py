"""The native bridge is ``HookedTransformer`` under another name: weights, values, gradients, edits."""

from __future__ import annotations

import pytest
import torch

from safr_lens import HookedClassifier, TrainConfig, train
from safr_lens.backbones.versions import has_hooked_transformer, weights_as
from tests.backbones.weights import gradients
from tests.training.corpus import sentiment_data, tiny_classifier

both = pytest.mark.skipif(not has_hooked_transformer(), reason="TransformerLens 4 has no HookedTransformer to compare")
NEAR = {"atol": 1e-5, "rtol": 1e-5}
KINDS = ("hooked_transformer", "native_bridge")


@pytest.fixture(params=["shortformer", "standard"])
def positions(request) -> str:
    return request.param


@pytest.fixture(params=["neurons", "residual"])
def pair(request, positions, make_model) -> tuple[HookedClassifier, HookedClassifier]:
    """A trained-looking classifier on either backbone, with the same weights."""
    return copies(make_model, request.param, positional_embedding_type=positions)


def copies(make_model, readout: str, **sizes) -> tuple[HookedClassifier, HookedClassifier]:
    hooked, native = (make_model(readout, n_layers=2, backbone=kind, **sizes) for kind in KINDS)
    native.load_state_dict(weights_as("native_bridge", hooked.state_dict()))
    return hooked, native


def same_point_by_point(hooked: HookedClassifier, native: HookedClassifier, texts: list[str]) -> None:
    (output, cache), (found, found_cache) = hooked.run_with_cache(texts), native.run_with_cache(texts)
    torch.testing.assert_close(found.logits, output.logits, **NEAR)
    assert set(found_cache.keys()) == set(cache.keys()) == set(native.hook_dict)
    for name, value in cache.items():
        torch.testing.assert_close(found_cache[name], value, **NEAR, msg=lambda text, name=name: f"{name}: {text}")


@both
def test_every_point_holds_the_same_padding_included(pair, texts):
    same_point_by_point(*pair, list(texts))


@both
@pytest.mark.parametrize("act_fn", ["relu", "gelu", "gelu_new", "silu", "solu_ln"])
def test_whatever_the_non_linearity(make_model, texts, act_fn):
    hooked, native = copies(make_model, "residual", act_fn=act_fn)
    same_point_by_point(hooked, native, list(texts))
    assert native.adapter.capabilities == hooked.adapter.capabilities
    assert native.adapter.readable_neurons(0) == hooked.adapter.readable_neurons(0)


@both
def test_every_weight_has_the_same_gradient(pair, texts):
    found = []
    for model in pair:
        torch.manual_seed(0)  # of the gate
        model.train()(list(texts)).logits.logsumexp(0).sum().backward()
        found.append(gradients(model))
    hooked, native = found
    assert list(hooked) == list(native) and all(gradient.any() for name, gradient in hooked.items() if "W_" in name)
    for name, gradient in hooked.items():
        torch.testing.assert_close(native[name], gradient, **NEAR, msg=lambda text, name=name: f"{name}: {text}")


@both
def test_an_edit_of_any_point_has_the_same_effect(make_model):
    hooked, native = copies(make_model, "residual")
    text, plain = "a gripping , funny film", hooked("a gripping , funny film").logits
    without = {f"hook_{name}" for name in ("pooled", "token_logits", "mask", "ungated_embed")}
    for name in set(native.hook_dict) - without:
        edited = [model.run_with_hooks(text, fwd_hooks=[(name, noise)]).logits for model in (hooked, native)]
        torch.testing.assert_close(*edited, atol=1e-4, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}")
        assert (edited[0] - plain).abs().max() > 1e-4, name


def noise(value, hook):
    return value + 0.3 * torch.rand(value.shape, generator=torch.Generator().manual_seed(0))


@both
def test_the_same_seed_gives_the_same_weights(tokenizer, tiny_config, positions):
    hooked, native = (
        HookedClassifier.from_config(
            tiny_config(backbone=kind, positional_embedding_type=positions),
            tokenizer=tokenizer,
            labels=["a", "b"],
            seed=3,
        )
        for kind in KINDS
    )
    expected = weights_as("native_bridge", hooked.state_dict())
    assert list(expected) == list(native.state_dict())
    assert all(torch.equal(native.state_dict()[name], value) for name, value in expected.items())


@both
def test_the_same_training_gives_the_same_weights():
    data, trained = sentiment_data(n_train=60), []
    for kind in KINDS:
        model = tiny_classifier(backbone=kind)
        train(model, data, TrainConfig(epochs=2, learning_rate=3e-3), progress=False)
        trained.append(weights_as("native_bridge", model.state_dict()))
    for name, value in trained[0].items():
        torch.testing.assert_close(trained[1][name], value, atol=1e-4, rtol=1e-4)


def test_a_checkpoint_has_each_weight_once(make_model):
    model = make_model(backbone="native_bridge")
    parameters = list(model.parameters())
    assert len(model.state_dict()) == len(parameters) == len({id(parameter) for parameter in parameters})
    assert sum(value.numel() for value in model.state_dict().values()) == sum(map(torch.numel, parameters))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("backbone.blocks.0.attn.W_Q"), "Missing.*backbone.blocks.0.attn.W_Q"),
        (lambda state: state.update({"backbone.blocks.0.W": torch.zeros(1)}), "Unexpected.*backbone.blocks.0.W"),
        (lambda state: state.update({"backbone.embed.W_E": torch.zeros(1)}), r"W_E has shape \[1\], expected \[27, 16"),
    ],
    ids=["missing", "unknown", "shape"],
)
def test_weights_that_do_not_fit_are_refused(make_model, change, message):
    model = make_model(backbone="native_bridge")
    state = model.state_dict()
    change(state)
    with pytest.raises(RuntimeError, match=message):
        model.load_state_dict(state)


def test_each_point_is_met_once_in_a_forward_pass(make_model, texts):
    model, met = make_model(n_layers=2, backbone="native_bridge"), []
    with model.hooks(fwd_hooks=[(lambda name: True, lambda value, hook: met.append(hook.name))]):
        model(list(texts))
    assert sorted(met) == sorted(model.hook_dict)


def test_the_bridge_called_by_itself_hides_padding_too(make_model, texts):
    model = make_model("residual", backbone="native_bridge", dropout=0.0)
    tokens, mask = model.to_tokens([texts[0], "boring"])
    with torch.no_grad():
        together = model.backbone(tokens, attention_mask=mask.long())
        alone = model.backbone(tokens[1:, :1], attention_mask=mask[1:, :1].long())
    torch.testing.assert_close(together[1:, :1], alone, **NEAR)


def test_a_text_of_padding_alone_has_no_nan(make_model):
    model = make_model(backbone="native_bridge")
    tokens = torch.full((1, 3), model.tokenizer.pad_id)
    assert not model(tokens, torch.zeros(1, 3, dtype=torch.bool)).token_logits.isnan().any()
