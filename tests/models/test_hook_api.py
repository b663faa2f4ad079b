"""TransformerLens's hook API on the classifier: the backbone's own names, checked, and ours beside them."""

from __future__ import annotations

import pytest
import torch
from transformer_lens import ActivationCache

from safr_lens.backbones.hook_points import HookPoint
from safr_lens.backbones.versions import has_hooked_transformer
from safr_lens.errors import HookError
from tests.backbones import toy  # noqa: F401, registers the backbone

NEURONS = "blocks.0.mlp.hook_post"
TEXT = "a gripping , funny film"


def zero(value, hook):
    return torch.zeros_like(value)


def tilt(value, hook):
    """No scale, which the final LayerNorm would hide."""
    return value + torch.linspace(-1, 1, value.shape[-1])


def same(found, expected):
    assert torch.equal(found.logits, expected.logits)


# ---- run_with_cache


def test_the_names_are_transformer_lenses_own_and_ours(model):
    _, cache = model.run_with_cache(TEXT)
    own = {"hook_mask", "hook_pooled", "hook_token_logits", "hook_ungated_embed"}
    assert set(cache.keys()) == set(model.hook_dict) - unused(model)
    assert set(model.hook_dict) == set(model.adapter.hook_points) | own
    for name, point in model.hook_dict.items():
        assert point.name == name


def unused(model):
    """Points that a ``HookedTransformer`` declares and never calls; the native bridge has none."""
    if model.config.backbone == "native_bridge":
        return set()
    names = set()
    with model.backbone.hooks(fwd_hooks=[(lambda name: True, lambda value, hook: names.add(hook.name))]):
        model.backbone(torch.zeros(1, 3, dtype=torch.long))
    return set(model.backbone.hook_dict) - names


def test_the_cache_is_transformer_lenses_own(model):
    out, cache = model.run_with_cache(TEXT)
    assert isinstance(cache, ActivationCache)
    assert torch.equal(cache["post", 0], cache[NEURONS])
    assert cache[NEURONS].shape == (1, 5, 32)
    assert cache["blocks.0.attn.hook_pattern"].shape == (1, 2, 5, 5)
    same(out, model(TEXT, capture=cache.keys()))
    torch.testing.assert_close(out.logits, model(TEXT).logits, atol=1e-5, rtol=0)  # where nobody looks it is fused


def test_a_plain_dict_is_returned_on_demand(model):
    _, cache = model.run_with_cache(TEXT, return_cache_object=False)
    assert type(cache) is dict and NEURONS in cache


@pytest.mark.parametrize(
    ("names_filter", "expected"),
    [
        (NEURONS, {NEURONS}),
        ([NEURONS, "hook_pooled"], {NEURONS, "hook_pooled"}),
        ((NEURONS, "hook_pooled"), {NEURONS, "hook_pooled"}),
        ({NEURONS, "hook_pooled"}, {NEURONS, "hook_pooled"}),
        (lambda name: name.endswith("hook_post"), {NEURONS}),
    ],
    ids=["str", "list", "tuple", "set", "callable"],
)
def test_a_filter_may_be_any_kind_of_names(make_model, names_filter, expected):
    _, cache = make_model().run_with_cache(TEXT, names_filter=names_filter)
    assert set(cache.keys()) == expected
    assert cache[NEURONS].shape == (1, 5, 32)


def test_the_shapes_of_our_own_points(model, texts):
    _, cache = model.run_with_cache(list(texts))
    assert cache["hook_ungated_embed"].shape == (6, 10, 16)
    assert cache["hook_mask"].shape == (6, 10)
    assert cache["hook_token_logits"].shape == (6, 10, 2)
    assert cache["hook_pooled"].shape == (6, 2)


def test_our_own_points_hold_what_the_output_holds(model, texts):
    out, cache = model.run_with_cache(list(texts))
    assert torch.equal(cache["hook_token_logits"], out.token_logits)
    assert torch.equal(cache["hook_pooled"], out.logits)
    assert torch.equal(cache["hook_mask"] * out.mask, out.importance)
    assert torch.equal(cache["hook_embed"], cache["hook_ungated_embed"] * cache["hook_mask"].unsqueeze(-1))


def test_the_batch_dimension_can_be_dropped(model):
    _, whole = model.run_with_cache(TEXT)
    _, cache = model.run_with_cache(TEXT, remove_batch_dim=True)
    assert not cache.has_batch_dim and whole.has_batch_dim
    for name in (NEURONS, "blocks.0.attn.hook_pattern", "hook_mask", "hook_pooled"):
        assert torch.equal(cache[name], whole[name][0])


def test_caching_leaves_no_hook(model, hooks_left):
    model.run_with_cache(TEXT)
    assert hooks_left(model) == []


def test_captured_activations_carry_gradient_and_cached_ones_do_not(model):
    _, cache = model.run_with_cache(TEXT, names_filter=[NEURONS])
    captured = model(TEXT, capture=[NEURONS]).activations
    assert set(captured) == {NEURONS}
    assert torch.equal(captured[NEURONS], cache[NEURONS])
    assert captured[NEURONS].requires_grad and not cache[NEURONS].requires_grad


# ---- patching


def test_patching_one_neuron_changes_the_logits(make_model):
    model = make_model()

    def set_neuron(value, hook):
        value[:, 0, 3] = 50.0
        return value

    plain = model(TEXT)
    patched = model.run_with_hooks(TEXT, fwd_hooks=[(NEURONS, set_neuron)])
    assert not torch.allclose(patched.token_logits[0, 0], plain.token_logits[0, 0], atol=1e-2)
    torch.testing.assert_close(patched.token_logits[0, 1:], plain.token_logits[0, 1:])
    with model.hooks(fwd_hooks=[(NEURONS, set_neuron)]):
        same(model(TEXT), patched)
    same(model(TEXT), plain)


@pytest.mark.parametrize(
    "point",
    [
        "hook_embed",
        "hook_ungated_embed",
        "hook_mask",
        "blocks.{last}.attn.hook_attn_scores",
        "blocks.{last}.attn.hook_pattern",
        "blocks.{last}.hook_attn_out",
        "blocks.{last}.mlp.hook_post",
        "blocks.{last}.hook_mlp_out",
        "blocks.{last}.hook_resid_post",
        "ln_final.hook_normalized",
        "hook_token_logits",
        "hook_pooled",
    ],
)
@pytest.mark.parametrize("patch", [zero, tilt])
def test_a_patch_takes_effect(model, point, patch):
    plain = model(TEXT).logits
    name = point.format(last=model.config.n_layers - 1)
    patched = model.run_with_hooks(TEXT, fwd_hooks=[(name, patch)]).logits
    assert not torch.allclose(patched, plain, atol=1e-4)


@pytest.mark.parametrize("positions", ["standard", "shortformer"])
@pytest.mark.parametrize("readout", ["neurons", "residual"])
def test_a_patched_embedding_is_what_the_model_goes_on_with(make_model, readout, positions):
    model = make_model(readout, positional_embedding_type=positions)
    with model.hooks(fwd_hooks=[("hook_embed", zero)]):
        out = model(TEXT, capture=["hook_embed", "blocks.0.hook_resid_pre"])
    assert (out.activations["hook_embed"] == 0).all()
    left = model.backbone.pos_embed.W_pos[:5] if positions == "standard" else torch.zeros(5, 16)
    torch.testing.assert_close(out.activations["blocks.0.hook_resid_pre"][0], left)


def test_a_hook_sees_the_gated_embedding_and_scores_hidden_at_padding(model, texts):
    seen = {}

    def look(value, hook):
        seen[hook.name] = value

    with model.hooks(fwd_hooks=[("hook_embed", look), ("blocks.0.attn.hook_attn_scores", look)]):
        out = model(list(texts), capture=["hook_ungated_embed", "hook_mask"])
    gated = out.activations["hook_ungated_embed"] * out.activations["hook_mask"].unsqueeze(-1)
    assert torch.equal(seen["hook_embed"], gated)
    hidden = seen["blocks.0.attn.hook_attn_scores"] == float("-inf")
    assert torch.equal(hidden, ~out.mask[:, None, None, :].expand_as(hidden))


def test_a_patch_of_the_mlp_output_reaches_the_readout(model):
    last = f"blocks.{model.config.n_layers - 1}"
    post, mid = f"{last}.hook_resid_post", f"{last}.hook_resid_mid"
    with model.hooks(fwd_hooks=[(f"{last}.hook_mlp_out", zero)]):
        seen = model(TEXT, capture=[post, mid]).activations
    expected = torch.zeros_like(seen[post]) if model.config.readout == "neurons" else seen[mid]
    torch.testing.assert_close(seen[post], expected)


def test_capture_sees_what_a_hook_made_of_an_activation(model):
    with model.hooks(fwd_hooks=[(NEURONS, zero)]):
        assert (model(TEXT, capture=[NEURONS]).activations[NEURONS] == 0).all()


def test_a_callable_name_patches_all_points_it_matches(make_model):
    model = make_model("residual", n_layers=2)
    neurons = [f"blocks.{layer}.mlp.hook_post" for layer in range(2)]
    together = model.run_with_hooks(TEXT, fwd_hooks=[(lambda name: name.endswith("mlp.hook_post"), zero)])
    one_by_one = model.run_with_hooks(TEXT, fwd_hooks=[(name, zero) for name in neurons])
    same(together, one_by_one)
    assert not torch.allclose(together.logits, model(TEXT).logits)


def test_hooks_may_come_from_a_generator(make_model):
    model = make_model()
    patched = model.run_with_hooks(TEXT, fwd_hooks=((name, zero) for name in ["hook_pooled"]))
    assert (patched.logits == 0).all()


# ---- unknown names

TYPO, MEANT = "blocks.0.mlp.hook_pots", "blocks.0.mlp.hook_post"


def in_context(model, name):
    with model.hooks(fwd_hooks=[(NEURONS, zero), (name, zero)]):
        pass


def in_backward_context(model, name):
    with model.hooks(fwd_hooks=[(NEURONS, zero)], bwd_hooks=[(name, zero)]):
        pass


USES = {
    "run_with_cache, str": lambda model, name: model.run_with_cache(TEXT, names_filter=name),
    "run_with_cache, list": lambda model, name: model.run_with_cache(TEXT, names_filter=[NEURONS, name]),
    "run_with_cache, set": lambda model, name: model.run_with_cache(TEXT, names_filter={NEURONS, name}),
    "hooks": in_context,
    "hooks, backward": in_backward_context,
    "run_with_hooks": lambda model, name: model.run_with_hooks(TEXT, fwd_hooks=[(NEURONS, zero), (name, zero)]),
    "add_hook": lambda model, name: model.add_hook(name, zero),
    "add_perma_hook": lambda model, name: model.add_perma_hook(name, zero),
    "add_caching_hooks": lambda model, name: model.add_caching_hooks([NEURONS, name]),
    "capture": lambda model, name: model(TEXT, capture=[NEURONS, name]),
}


@pytest.mark.parametrize("use", list(USES))
def test_an_unknown_name_is_an_error_with_the_near_match_and_leaves_no_hook(make_model, hooks_left, use):
    model = make_model()
    with pytest.raises(HookError, match=f"no hook point {TYPO!r}.*Did you mean {MEANT!r}"):
        USES[use](model, TYPO)
    assert hooks_left(model) == []


@pytest.mark.parametrize("use", ["hooks", "run_with_hooks", "run_with_cache, str", "add_hook"])
def test_a_filter_that_matches_nothing_is_an_error(make_model, hooks_left, use):
    model = make_model()
    with pytest.raises(HookError, match="matches no hook point"):
        USES[use](model, lambda name: False)
    assert hooks_left(model) == []


def test_a_module_that_is_no_hook_point_is_an_unknown_name(make_model):
    with pytest.raises(HookError, match="no hook point 'embed'"):
        make_model().add_hook("embed", zero)


# ---- points that are switched off

SWITCHED = {
    "blocks.0.attn.hook_result": "use_attn_result",
    "blocks.0.hook_attn_in": "use_attn_in",
    "blocks.0.hook_q_input": "use_split_qkv_input",
    "blocks.0.hook_k_input": "use_split_qkv_input",
    "blocks.0.hook_v_input": "use_split_qkv_input",
    "blocks.0.hook_mlp_in": "use_hook_mlp_in",
}


only_hooked_transformer = pytest.mark.skipif(
    not has_hooked_transformer(), reason="only HookedTransformer has points that are switched off"
)


def caught(model, use, name):
    with pytest.raises(HookError, match=f"{name!r} is switched off") as caught:
        use(model, name)
    return str(caught.value)


@only_hooked_transformer
@pytest.mark.parametrize("positions", ["standard", "shortformer"])
@pytest.mark.parametrize("name", list(SWITCHED))
def test_a_point_that_is_off_is_an_error_whose_advice_works(make_model, name, positions):
    model = make_model(positional_embedding_type=positions)
    plain = model(TEXT).logits
    uses = {use: run for use, run in USES.items() if use != "add_perma_hook"}
    advice = {caught(model, use, name).partition("Switch it on with ")[2] for use in uses.values()}
    assert advice == {f"model.set_{SWITCHED[name]}(True)."}
    exec(advice.pop().rstrip("."), {"model": model})
    out, cache = model.run_with_cache(TEXT, names_filter=name)
    captured = model(TEXT, capture=[name])
    assert list(cache) == [name] and torch.equal(captured.activations[name], cache[name])
    torch.testing.assert_close(out.logits, plain)
    assert not torch.allclose(model.run_with_hooks(TEXT, fwd_hooks=[(name, tilt)]).logits, plain, atol=1e-4)
    parts = model.decompose(TEXT)
    torch.testing.assert_close(parts.total(), parts.logits, atol=1e-4, rtol=0)
    getattr(model, f"set_{SWITCHED[name]}")(False)
    caught(model, USES["capture"], name)


@only_hooked_transformer
def test_what_each_head_writes_adds_up_to_the_output_of_attention(make_model):
    model = make_model()
    model.set_use_attn_result(True)
    seen = model(TEXT, capture=["blocks.0.attn.hook_result", "blocks.0.hook_attn_out"]).activations
    total = seen["blocks.0.attn.hook_result"].sum(2) + model.backbone.blocks[0].attn.b_O
    torch.testing.assert_close(total, seen["blocks.0.hook_attn_out"])


@only_hooked_transformer
def test_a_filter_that_matches_only_points_that_are_off_is_an_error(make_model, hooks_left):
    model = make_model()
    for use in ("hooks", "run_with_hooks", "run_with_cache, str", "add_hook"):
        with pytest.raises(HookError, match="switched off"):
            USES[use](model, lambda name: name.endswith(("q_input", "k_input")))
    assert hooks_left(model) == []


@only_hooked_transformer
@pytest.mark.parametrize("options", [("use_attn_in", "use_split_qkv_input"), ("use_split_qkv_input", "use_attn_in")])
def test_inputs_of_heads_are_either_one_or_three(make_model, options):
    model = make_model()
    getattr(model, f"set_{options[0]}")(True)
    with pytest.raises(HookError, match="nothing reads") as error:
        getattr(model, f"set_{options[1]}")(True)
    exec(str(error.value).partition("first: ")[2].rstrip("."), {"model": model})
    getattr(model, f"set_{options[1]}")(True)


@pytest.mark.parametrize(("backbone", "name"), [("toy", "ToyNetwork"), ("native_bridge", "TransformerBridge")])
def test_a_backbone_without_the_option_says_so(make_model, backbone, name):
    model = make_model(backbone=backbone)
    for option in set(SWITCHED.values()):
        with pytest.raises(HookError, match=f"{name}, has no option {option!r}"):
            getattr(model, f"set_{option}")(True)


def test_a_point_that_is_never_met_is_an_error(make_model):
    model = make_model()
    model.hook_dict["hook_nowhere"] = HookPoint()
    for use in ("capture", "run_with_hooks", "run_with_cache, str", "run_with_cache, list", "run_with_cache, set"):
        with pytest.raises(HookError, match="never meets the hook point 'hook_nowhere'"):
            USES[use](model, "hook_nowhere")


# ---- contexts


def test_outer_hooks_survive_forward_passes_and_are_gone_after_the_context(model, hooks_left):
    plain = model(TEXT)
    fired = []
    with model.hooks(fwd_hooks=[("hook_embed", lambda value, hook: fired.append(hook.name))]):
        model(TEXT)
        model(TEXT, capture=["hook_embed"])
        model.run_with_cache(TEXT)
        model.run_with_hooks(TEXT, fwd_hooks=[("hook_embed", tilt)])
        assert fired == ["hook_embed"] * 4
    assert hooks_left(model) == []
    same(model(TEXT), plain)


def test_nested_contexts_end_one_by_one(model, hooks_left):
    fired = []

    def note(mark):
        return [("hook_embed", lambda value, hook: fired.append(mark))]

    with model.hooks(fwd_hooks=note("outer")):
        with model.hooks(fwd_hooks=note("inner")):
            model(TEXT)
        model(TEXT)
    model(TEXT)
    assert fired == ["outer", "inner", "outer"]
    assert hooks_left(model) == []


def test_hooks_of_one_point_run_in_their_order(make_model):
    model = make_model()
    hooks = [("hook_pooled", lambda value, hook: value + 1), ("hook_pooled", lambda value, hook: value * 10)]
    torch.testing.assert_close(model.run_with_hooks(TEXT, fwd_hooks=hooks).logits, (model(TEXT).logits + 1) * 10)


def test_a_context_that_ends_in_an_exception_leaves_no_hook(model, hooks_left):
    with pytest.raises(KeyError), model.hooks(fwd_hooks=[("hook_embed", zero)]):
        raise KeyError
    assert hooks_left(model) == []


def test_permanent_hooks_stay_until_they_are_removed(make_model, hooks_left):
    model = make_model()
    plain = model(TEXT)
    model.add_perma_hook("hook_pooled", zero)
    model.reset_hooks()
    model.run_with_cache(TEXT)
    assert (model(TEXT).logits == 0).all() and hooks_left(model) == ["hook_pooled"]
    model.reset_hooks(including_permanent=True)
    same(model(TEXT), plain)


# ---- gradient


@pytest.mark.parametrize(
    "point",
    [
        "hook_ungated_embed",
        "hook_mask",
        "hook_embed",
        "blocks.0.attn.hook_attn_scores",
        "blocks.{last}.mlp.hook_post",
        "blocks.{last}.hook_mlp_out",
        "blocks.{last}.hook_resid_post",
        "ln_final.hook_normalized",
        "hook_token_logits",
        "hook_pooled",
    ],
)
def test_backward_hooks_give_the_gradient_at_a_point(model, texts, hooks_left, point):
    name = point.format(last=model.config.n_layers - 1)
    captured = model(list(texts), capture=[name])
    expected = torch.autograd.grad(captured.logits[:, 0].sum(), captured.activations[name])[0]
    seen = {}
    with model.hooks(bwd_hooks=[(name, lambda gradient, hook: seen.update({hook.name: gradient}))]):
        model(list(texts)).logits[:, 0].sum().backward()
    assert list(seen) == [name], "the hook did not fire"
    torch.testing.assert_close(seen[name], expected)
    assert hooks_left(model) == []


@pytest.mark.parametrize("option", [{"incl_bwd": True}, {"pos_slice": 1}])
def test_what_cannot_be_cached_is_an_error_that_says_why(model, option):
    with pytest.raises(HookError, match=next(iter(option))):
        model.run_with_cache("a dull film", **option)
