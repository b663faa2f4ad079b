"""The classifier: what it accepts, what it returns, and what it leaves behind."""

from __future__ import annotations

import math

import pytest
import torch

from safr_lens import HookedClassifier
from safr_lens.errors import ConfigError, TextError


def same(found, expected):
    for field in ("logits", "token_logits", "importance", "mask"):
        assert torch.equal(getattr(found, field), getattr(expected, field)), field


# ---- what it accepts


def test_a_text_a_list_and_tensors_give_the_same(model, texts):
    text = texts[0]
    expected = model(text)
    tokens, mask = model.to_tokens(text)
    for found in (model([text]), model((text,)), model(tokens, mask), model(tokens, mask=mask)):
        same(found, expected)


def test_without_a_mask_padding_is_told_by_its_id(model, texts):
    tokens, mask = model.to_tokens(list(texts))
    assert not mask.all()
    same(model(tokens), model(tokens, mask))


@pytest.mark.parametrize(("texts", "message"), [([], "at least one text"), ([" "], "no token"), (["a", 3], "int")])
def test_what_is_no_text_is_an_error(make_model, texts, message):
    with pytest.raises(TextError, match=message):
        make_model()(texts)


def test_a_text_longer_than_the_context_is_an_error_and_can_be_cut(make_model):
    model = make_model(n_ctx=4)
    text = "a dull dull film , a dull film"
    with pytest.raises(TextError, match=r"8 tokens.*at most 4"):
        model(text)
    tokens, mask = model.to_tokens(text, truncate=True)
    same(model(tokens, mask), model("a dull dull film"))
    assert model.to_str_tokens(text, truncate=True) == ["a", "dull", "dull", "film"]


CALLS = {
    "call": lambda model, *args, **options: model(*args, **options).logits,
    "capture": lambda model, *args, **options: model(*args, capture=["hook_pooled"], **options).activations[
        "hook_pooled"
    ],
    "activations": lambda model, *args, **options: model.activations(*args, names=["hook_pooled"], **options)[
        "hook_pooled"
    ],
    "run_with_cache": lambda model, *args, **options: (
        model.run_with_cache(*args, names_filter="hook_pooled", **options)[0].logits
    ),
    "run_with_hooks": lambda model, *args, **options: model.run_with_hooks(*args, fwd_hooks=[], **options).logits,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
@pytest.mark.parametrize("kind", ["text", "ids"])
def test_the_advice_for_what_is_too_long_works_in_every_call(model, call, kind):
    words, n_ctx = ["a", "dull", "film"] * 20, model.config.n_ctx
    ids = torch.tensor([model.tokenizer.encode(word, n_ctx=1).ids for word in words]).T
    given = " ".join(words) if kind == "text" else ids
    with pytest.raises(TextError, match="truncate=True"):
        call(model, given)
    expected = model(" ".join(words[:n_ctx])).logits
    assert torch.equal(call(model, given, truncate=True), expected)


@pytest.mark.parametrize("call", CALLS.values(), ids=list(CALLS))
def test_token_ids_of_one_text_need_no_batch_dimension(model, texts, call):
    tokens, mask = model.to_tokens(texts[0])
    expected = model(texts[0]).logits
    assert torch.equal(call(model, tokens[0]), expected)
    assert torch.equal(call(model, tokens[0], mask[0]), expected)


@pytest.mark.parametrize(
    ("tokens", "mask"),
    [
        (torch.ones(1, 2, 3, dtype=torch.long), None),
        (torch.ones(1, 3), None),
        (torch.ones(1, 3, dtype=torch.long), torch.ones(1, 2)),
    ],
    ids=["three dimensions", "fractions", "another mask"],
)
def test_what_are_no_token_ids_is_an_error(make_model, tokens, mask):
    with pytest.raises(TextError, match=r"token ids of shape \[batch, pos\]"):
        make_model()(tokens, mask)


@pytest.mark.parametrize("labels", [[], ["only"]])
def test_fewer_than_two_labels_are_an_error(make_model, labels):
    with pytest.raises(ConfigError, match="at least two labels"):
        make_model(labels=labels)


# ---- what it returns


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("readout", ["neurons", "residual"])
def test_shapes(make_model, texts, readout, n_classes):
    model = make_model(readout, labels=[f"class {c}" for c in range(n_classes)])
    out = model(list(texts))
    assert out.logits.shape == (6, n_classes)
    assert out.token_logits.shape == (6, 10, n_classes)
    assert out.importance.shape == out.mask.shape == (6, 10)
    assert out.activations == {}


def test_logits_are_the_mean_of_the_token_logits_over_real_tokens(model, texts):
    out = model(list(texts))
    for row in range(len(texts)):
        real = [out.token_logits[row, i] for i in range(out.mask.shape[1]) if out.mask[row, i]]
        torch.testing.assert_close(out.logits[row], sum(real) / len(real), atol=1e-6, rtol=1e-5)


def test_probabilities_are_the_softmax_of_the_logits(model, texts):
    out = model(list(texts))
    logits = out.logits[0].tolist()
    expected = [math.exp(x) / sum(map(math.exp, logits)) for x in logits]
    assert out.probabilities[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_importance_is_the_softmax_of_vmask_on_the_ungated_embedding(model, texts):
    out = model(list(texts), capture=["hook_ungated_embed"])
    embed = out.activations["hook_ungated_embed"]
    hidden = torch.tanh(embed @ model.vmask.hidden.weight.T + model.vmask.hidden.bias)
    keep = (hidden @ model.vmask.keep.weight.T + model.vmask.keep.bias).softmax(-1)[..., 1]
    torch.testing.assert_close(out.importance, keep * out.mask, atol=1e-6, rtol=1e-5)
    assert out.importance[out.mask].min() > 0 and out.importance.max() < 1


def test_the_embedding_is_looked_up_before_the_gate(model, texts):
    tokens, mask = model.to_tokens(list(texts))
    seen = model(tokens, mask, capture=["hook_ungated_embed"]).activations["hook_ungated_embed"]
    assert torch.equal(seen, model.backbone.embed.W_E[tokens])


def test_evaluation_is_deterministic(model, texts):
    same(model(list(texts)), model(list(texts)))


def test_attention_looks_both_ways(model):
    first = model("a dull film").token_logits[0, 0]
    assert not torch.allclose(model("a dull story").token_logits[0, 0], first, atol=1e-4)


# ---- readout


@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_neuron_readout_reads_the_last_mlp_alone(make_model, texts, n_layers):
    _, cache = make_model("neurons", n_layers=n_layers).run_with_cache(list(texts))
    last = n_layers - 1
    assert torch.equal(cache["resid_post", last], cache["mlp_out", last])
    if last:
        assert not torch.allclose(cache["resid_post", 0], cache["mlp_out", 0])


@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_residual_readout_reads_the_whole_residual_stream(make_model, texts, n_layers):
    _, cache = make_model("residual", n_layers=n_layers).run_with_cache(list(texts))
    for layer in range(n_layers):
        torch.testing.assert_close(cache["resid_post", layer], cache["resid_mid", layer] + cache["mlp_out", layer])
        assert not torch.allclose(cache["resid_post", layer], cache["mlp_out", layer])


def test_without_mlp_output_the_neuron_readout_knows_nothing_of_the_text(make_model, texts):
    for readout, knows in (("neurons", False), ("residual", True)):
        model = make_model(readout)
        with torch.no_grad():
            model.backbone.blocks[0].mlp.W_out.zero_()
        logits = model(list(texts)).logits
        assert torch.allclose(logits, logits[:1].expand_as(logits), atol=1e-5) != knows


# ---- training


def test_the_gate_is_q_in_evaluation(model, texts):
    out, cache = model.run_with_cache(list(texts), names_filter=["hook_mask"])
    torch.testing.assert_close(cache["hook_mask"] * out.mask, out.importance)


def test_the_gate_is_hard_in_training_and_multiplies_the_embedding(make_model, texts):
    model = make_model(dropout=0.0).train()
    _, cache = model.run_with_cache(list(texts), generator=torch.Generator().manual_seed(0))
    gate = cache["hook_mask"]
    assert set(gate.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(cache["hook_embed"], cache["hook_ungated_embed"] * gate.unsqueeze(-1))


def test_training_gives_vmask_a_gradient_through_the_hard_gate(model, texts):
    model.train()
    model(list(texts), generator=torch.Generator().manual_seed(0)).logits[:, 0].sum().backward()
    for parameter in model.vmask.parameters():
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0


def test_the_gate_of_a_token_is_open_with_probability_q(model, texts):
    n_draws = 1000
    tokens, mask = model.to_tokens(texts[0])
    q = model(tokens, mask).importance[0]
    model.train()
    with torch.no_grad():
        many = model(
            tokens.repeat(n_draws, 1),
            mask.repeat(n_draws, 1),
            capture=["hook_mask"],
            generator=torch.Generator().manual_seed(0),
        )
    often = many.activations["hook_mask"].mean(0)
    assert ((often - q).abs() < 4 * (q * (1 - q) / n_draws).sqrt()).all()


def test_the_generator_decides_the_draw(make_model, texts):
    model = make_model(dropout=0.0).train()
    drawn = [model(list(texts), generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    same(drawn[0], drawn[1])
    assert not torch.equal(drawn[0].logits, drawn[2].logits)


def test_dropout_is_for_training_alone(make_model, texts):
    model = make_model("residual", dropout=0.5)
    names = ["hook_embed", "blocks.0.hook_attn_out", "blocks.0.hook_mlp_out"]

    def zeros():
        seen = model(list(texts), capture=names, generator=torch.Generator().manual_seed(0))
        real = {name: seen.activations[name][seen.mask] for name in names}
        real["hook_embed"] = real["hook_embed"][(real["hook_embed"] != 0).any(-1)]  # of the tokens that were kept
        return {name: (values == 0).float().mean().item() for name, values in real.items()}

    assert zeros() == dict.fromkeys(names, 0.0)
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert all(0.35 < share < 0.65 for share in zeros().values())


# ---- how it is made


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tokenizer, tiny_config):
    def weights(seed):
        return HookedClassifier.from_config(
            tiny_config(), tokenizer=tokenizer, labels=["a", "b"], seed=seed
        ).state_dict()

    first, again, other = weights(3), weights(3), weights(4)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["backbone.embed.W_E"], other["backbone.embed.W_E"])
    assert not torch.equal(first["vmask.hidden.weight"], other["vmask.hidden.weight"])


def test_untrained_token_embeddings_have_the_spread_asked_for(tokenizer, tiny_config):
    config = tiny_config(embed_std=0.02)
    model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["a", "b"], seed=0)
    assert model.backbone.W_E.std().item() == pytest.approx(0.02, rel=0.15)


def test_making_a_model_leaves_the_global_random_state_alone(tokenizer, tiny_config):
    before = torch.get_rng_state()
    HookedClassifier.from_config(tiny_config(), tokenizer=tokenizer, labels=["a", "b"], seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_fresh_model_is_in_evaluation_mode(model):
    assert not any(module.training for module in model.modules())


def test_the_backbone_is_a_bidirectional_transformer_of_transformer_lens(make_model):
    model = make_model(labels=["a", "b", "c"])
    expected = {"hooked_transformer": "HookedTransformer", "native_bridge": "TransformerBridge"}
    assert type(model.backbone).__name__ == expected[model.config.backbone]
    assert type(model.backbone).__module__.startswith("transformer_lens.")
    assert model.cfg is model.backbone.cfg
    assert model.cfg.attention_dir == "bidirectional" and model.cfg.normalization_type == "LN"
    assert model.cfg.d_vocab_out == 3 == model.backbone.W_U.shape[1]
    assert model.cfg.d_vocab == model.tokenizer.d_vocab == model.backbone.W_E.shape[0]
    assert "forward" not in vars(model.backbone)


def test_moving_a_model_tells_the_backbone_where_it_is(make_model):
    model = make_model()
    assert model.cfg.device == "cpu"
    assert model.to("meta") is model
    assert model.cfg.device == "meta" == str(model.device)
    assert all(parameter.device.type == "meta" for parameter in model.parameters())


def test_a_model_in_double_precision_runs(make_model, texts):
    model = make_model()
    single = model(texts[0]).logits
    double = model.to(torch.float64)(texts[0]).logits
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, atol=1e-5, rtol=1e-5)


# ---- what it leaves behind


def held(module):
    return {key: value for key, value in vars(module).items() if not key.startswith("_")}


def test_a_forward_pass_leaves_nothing_on_the_model(model, texts, hooks_left):
    before = {name: held(module) for name, module in model.named_modules()}
    assert hooks_left(model) == []
    for training in (False, True):
        model.train(training)
        for module in before.values():
            module.pop("training", None)
        model(list(texts), capture=["hook_embed", "blocks.0.mlp.hook_post"])
        after = {name: held(module) for name, module in model.named_modules()}
        for module in after.values():
            module.pop("training", None)
        assert after == before
        assert hooks_left(model) == []


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("name", ["hook_embed", "blocks.0.attn.hook_attn_scores", "blocks.0.hook_resid_post"])
def test_an_exception_in_a_users_hook_leaves_no_hook_behind(model, texts, hooks_left, name):
    def interrupt(value, hook):
        raise Interrupted

    before = model(list(texts))
    with pytest.raises(Interrupted):
        model.run_with_hooks(list(texts), fwd_hooks=[(name, interrupt)])
    assert hooks_left(model) == []
    same(model(list(texts)), before)


def test_two_models_do_not_share_anything(make_model, texts):
    first, second = make_model(seed=0), make_model(seed=7)
    expected = first(list(texts)).logits
    with second.hooks(fwd_hooks=[("hook_embed", lambda value, hook: 0 * value)]):
        assert torch.equal(first(list(texts)).logits, expected)
        assert not torch.allclose(second(list(texts)).logits, expected)


def test_a_classifier_of_lower_precision_runs(model):
    low = model.to(torch.bfloat16)
    logits = low("a gripping , funny film").logits
    assert logits.dtype == torch.bfloat16
    assert low.cfg.dtype == torch.bfloat16
    assert torch.isfinite(logits).all()


def test_the_backbones_cfg_follows_every_kind_of_move(model):
    model.to_empty(device="meta")
    assert model.cfg.device == "meta"


def test_an_integer_mask_is_as_good_as_a_bool_mask(model):
    tokens, mask = model.to_tokens(["a dull film", "boring"])
    assert torch.equal(model(tokens, mask.long()).logits, model(tokens, mask).logits)


def test_token_ids_beyond_the_context_are_an_error(model):
    with pytest.raises(TextError, match="33 positions; the model reads at most 32"):
        model(torch.ones(1, 33, dtype=torch.long))
