"""TransformerLens's recipes on the cache of a classifier: each gives the right sums, or says what to use instead."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from safr_lens.backbones.versions import has_hooked_transformer
from safr_lens.errors import HookError
from safr_lens.models.cache import ClassifierCache

TEXTS = ["a gripping , funny film", "the worst film of the year"]
BACKBONES = [*(["hooked_transformer"] if has_hooked_transformer() else []), "native_bridge"]
POSITIONS, READOUTS = ("shortformer", "standard"), ("neurons", "residual")
CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(params=product(BACKBONES, POSITIONS, READOUTS, (1, 2)), ids=lambda one: "-".join(map(str, one)))
def model(request, make_model):
    backbone, positions, readout, n_layers = request.param
    return make_model(readout, n_layers=n_layers, positional_embedding_type=positions, backbone=backbone)


@pytest.fixture
def seen(model):
    with torch.no_grad():
        return model.run_with_cache(TEXTS)


@pytest.fixture
def cache(seen) -> ClassifierCache:
    return seen[1]


@pytest.fixture
def logits(seen):
    """Of each token; the text's are their mean."""
    return seen[1]["hook_token_logits"]


def through_neurons(model) -> bool:
    return model.config.readout == "neurons"


def read_out(model, cache):
    """What the last LayerNorm reads, by definition of the readout."""
    last = model.config.n_layers - 1
    return cache["mlp_out", last] if through_neurons(model) else cache["resid_mid", last] + cache["mlp_out", last]


def biases(model):
    return model.adapter.readout().bias


def close(found, expected):
    torch.testing.assert_close(found, expected, **CLOSE)


def test_decompose_resid_sums_to_what_is_read_out(model, cache):
    parts, labels = cache.decompose_resid(return_labels=True)
    close(parts.sum(0), cache["resid_post", model.config.n_layers - 1])
    close(parts.sum(0), read_out(model, cache))
    has_positions = model.config.positional_embedding_type == "standard" and not through_neurons(model)
    assert ("pos_embed" in labels) == has_positions and len(labels) == len(parts)
    if through_neurons(model):
        assert labels == [f"{model.config.n_layers - 1}_mlp_out"]
        with pytest.raises(
            HookError, match=r'reads? the output of the last MLP alone.*Use mode="all"; model.decompose'
        ):
            cache.decompose_resid(mode="attn")
    else:
        assert len(cache.decompose_resid(mode="attn", incl_embeds=False)) == model.config.n_layers


def test_decompose_resid_sums_to_the_input_of_each_layer(model, cache):
    for layer in range(model.config.n_layers):
        close(cache.decompose_resid(layer).sum(0), cache["resid_pre", layer])
        close(cache.decompose_resid(layer, mlp_input=True).sum(0), cache["resid_mid", layer])


def test_accumulated_resid_holds_the_sums_of_the_components(model, cache):
    n_layers = model.config.n_layers
    last = cache.accumulated_resid(layer=n_layers - 1, incl_mid=True, mlp_input=True)
    close(last[-1], cache.decompose_resid(n_layers - 1, mlp_input=True).sum(0))
    if through_neurons(model):
        advice = rf"accumulated_resid\(layer={n_layers - 1}, incl_mid=True, mlp_input=True\)"
        with pytest.raises(HookError, match=rf"model.decompose\(text\) gives the logits.*{advice}"):
            cache.accumulated_resid()
        with pytest.raises(HookError, match="no earlier states"):
            cache.accumulated_resid(n_layers, apply_ln=True)
        return
    streams = cache.accumulated_resid(incl_mid=True)
    embeds = 1 + (model.config.positional_embedding_type == "standard")
    close(streams, cache.decompose_resid().cumsum(0)[embeds - 1 :])
    lens = cache.accumulated_resid(apply_ln=True)[-1] @ model.backbone.W_U + model.backbone.b_U
    close(lens, cache["hook_token_logits"])


def test_stack_head_results_sum_to_what_attention_writes(model, cache):
    n_layers = model.config.n_layers
    if through_neurons(model):
        with pytest.raises(
            HookError, match=r"heads add nothing to the logits.*model.decompose\(text\).*cache\[\"result\""
        ):
            cache.stack_head_results()
        cache.compute_head_results()
        heads = torch.cat([cache["result", layer] for layer in range(n_layers)], dim=-2)
    else:
        heads = cache.stack_head_results(layer=-1).movedim(0, -2)
        close(cache.stack_head_results(incl_remainder=True).sum(0), read_out(model, cache))
    wrote = heads.unflatten(-2, (n_layers, -1)).sum(-2)
    for layer in range(n_layers):
        close(wrote[..., layer, :] + model.backbone.blocks[layer].attn.b_O, cache["attn_out", layer])


def test_apply_ln_to_stack_gives_what_the_next_matrix_reads(model, cache, logits):
    for layer, ln, mlp_input in product(range(model.config.n_layers), ("ln1", "ln2"), (False, True)):
        if mlp_input == (ln == "ln2"):
            parts = cache.decompose_resid(layer, mlp_input=mlp_input)
            scaled = cache.apply_ln_to_stack(parts, layer, mlp_input=mlp_input)
            norm = getattr(model.backbone.blocks[layer], ln)
            weight = norm.w if hasattr(norm, "w") else norm.weight
            close(scaled.sum(0), cache[f"blocks.{layer}.{ln}.hook_normalized"] * weight)
    scaled = cache.apply_ln_to_stack(cache.decompose_resid())
    close(scaled, cache.decompose_resid(apply_ln=True))
    close(scaled.sum(0) @ model.backbone.W_U + biases(model), logits)


def test_logit_attrs_sum_to_the_logits(model, seen, cache, logits):
    parts = cache.decompose_resid()
    for number, name in enumerate(model.labels):
        close(cache.logit_attrs(parts, number).sum(0) + biases(model)[number], logits[..., number])
        close(cache.logit_attrs(parts, name), cache.logit_attrs(parts, number))
    margin = cache.logit_attrs(parts, "positive", "negative").sum(0) + biases(model)[1] - biases(model)[0]
    close(margin, logits[..., 1] - logits[..., 0])
    mask = seen[0].mask
    of_text = (logits * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)
    close(of_text, seen[0].logits)


def test_logit_attrs_agree_with_decompose(model):
    with torch.no_grad():
        _, cache = model.run_with_cache(TEXTS[0])
    parts = model.decompose(TEXTS[0])
    mlp = cache.decompose_resid(return_labels=True)
    attrs = cache.logit_attrs(mlp[0], 1)[mlp[1].index(f"{model.config.n_layers - 1}_mlp_out")][0]
    n = len(parts.tokens)
    close(attrs / n, parts.neurons[..., 1].sum(1) + parts.others["mlp_bias"][:, 1])


def test_neuron_results_and_the_full_decomposition(model, cache, logits):
    n_layers = model.config.n_layers
    if through_neurons(model):
        with pytest.raises(HookError, match=r"model.decompose\(text\)"):
            cache.get_full_resid_decomposition()
        if n_layers > 1:
            with pytest.raises(HookError, match=r"neurons of earlier layers add nothing.*model.decompose\(text\)"):
                cache.stack_neuron_results(-1)
            return
        close(cache.stack_neuron_results(-1, incl_remainder=True).sum(0), read_out(model, cache))
        found = cache.logit_attrs(cache.stack_neuron_results(-1), 1).sum(0)
        bias = cache.logit_attrs(model.adapter.b_out(0).expand(1, *cache["mlp_out", 0].shape), 1)[0]
        close(found + bias + biases(model)[1], logits[..., 1])
        return
    full = cache.get_full_resid_decomposition()
    close(full.sum(0), read_out(model, cache))
    close(cache.logit_attrs(full, 0).sum(0) + biases(model)[0], logits[..., 0])
    with pytest.raises(HookError, match="leaves out the LayerNorm's weight; project afterwards"):
        cache.get_full_resid_decomposition(apply_ln=True, project_output_onto=model.backbone.W_U)
    after = cache.get_full_resid_decomposition(apply_ln=True) @ model.backbone.W_U
    close(after.sum(0) + biases(model), logits)


def test_slices_keep_the_recipes(model, seen, cache, logits):
    one = cache.apply_slice_to_batch_dim(1)
    assert isinstance(one, ClassifierCache) and not one.has_batch_dim
    close(one.decompose_resid().sum(0), read_out(model, one))
    first = cache.decompose_resid(apply_ln=True, pos_slice=0)
    close(first.sum(0) @ model.backbone.W_U + biases(model), logits[:, 0])
    with torch.no_grad():
        _, alone = model.run_with_cache(TEXTS[0], remove_batch_dim=True)
    attrs = alone.logit_attrs(alone.decompose_resid(), "positive", has_batch_dim=False)
    close(attrs.sum(0) + biases(model)[1], logits[0, : len(attrs[0]), 1])


def test_a_class_that_the_model_does_not_have_is_refused(make_model):
    _, cache = make_model().run_with_cache(TEXTS[0])
    parts = cache.decompose_resid()
    with pytest.raises(HookError, match=r"no class 'positiv': negative, positive. Did you mean 'positive'"):
        cache.logit_attrs(parts, "positiv")
    for number in (2, -1, torch.tensor([5])):
        with pytest.raises(HookError, match=r"takes classes \(0 to 1, or negative, positive\) for tokens"):
            cache.logit_attrs(parts, number)


def test_a_backbone_of_another_kind_refuses_every_recipe(make_model):
    import tests.backbones.toy  # noqa: F401  (registers it)

    _, cache = make_model(backbone="toy").run_with_cache(TEXTS[0])
    for recipe in ("decompose_resid", "accumulated_resid", "stack_head_results", "get_full_resid_decomposition"):
        with pytest.raises(HookError, match=rf"{recipe} is made for pre-norm transformers.*model.decompose\(text\)"):
            getattr(cache, recipe)()


@pytest.mark.parametrize("backbone", BACKBONES)
def test_the_weights_of_the_backbone_alone_give_other_logits(make_model, backbone):
    model = make_model(backbone=backbone)
    tokens, mask = model.to_tokens(TEXTS[1:])  # without padding
    with torch.no_grad():
        alone = model.backbone(tokens).mean(1)
        hooked = model(tokens, mask).logits
    assert (alone - hooked).abs().max() > 0.1
