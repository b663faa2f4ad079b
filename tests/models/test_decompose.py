"""The logits of a text are exactly what its tokens, neurons and other components add up to."""

from __future__ import annotations

import pytest
import torch

from safr_lens.errors import TextError

TEXT = "the acting is warm and the story is moving"
BIASES = {"mlp_bias", "readout_bias"}


@pytest.mark.parametrize("readout", ["neurons", "residual"])
@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("positions", ["standard", "shortformer"])
def test_contributions_sum_to_the_logits(make_model, texts, readout, n_layers, n_classes, positions):
    labels = [f"class {c}" for c in range(n_classes)]
    model = make_model(readout, n_layers=n_layers, labels=labels, positional_embedding_type=positions)
    for text in texts:
        parts = model.decompose(text)
        expected = model(text)
        torch.testing.assert_close(parts.total(), expected.logits[0], atol=1e-4, rtol=0)
        by_token = expected.token_logits[0] / len(parts.tokens)
        torch.testing.assert_close(parts.by_token(), by_token, atol=1e-4, rtol=0)
        assert torch.equal(parts.logits, expected.logits[0])


@pytest.mark.parametrize("act_fn", ["gelu", "solu_ln"])
def test_contributions_sum_to_the_logits_with_other_neurons(make_model, act_fn):
    parts = make_model(act_fn=act_fn).decompose(TEXT)
    torch.testing.assert_close(parts.total(), parts.logits, atol=1e-4, rtol=0)


def test_shapes_and_names(model):
    parts = model.decompose(TEXT)
    assert parts.tokens == TEXT.split()
    assert parts.labels == ("negative", "positive")
    assert parts.neurons.shape == (9, 32, 2)
    assert "\n" not in repr(parts), "a notebook shows what it is, and not all its numbers"
    assert all(part.shape == (9, 2) for part in parts.others.values())
    assert not parts.neurons.requires_grad


@pytest.mark.parametrize("n_layers", [1, 3])
def test_beside_the_neurons_their_readout_has_biases_only(make_model, n_layers):
    assert set(make_model("neurons", n_layers=n_layers).decompose(TEXT).others) == BIASES


@pytest.mark.parametrize("positions", ["standard", "shortformer"])
def test_beside_the_neurons_the_residual_readout_has_all_that_writes_to_it(make_model, positions):
    model = make_model("residual", n_layers=2, positional_embedding_type=positions)
    expected = BIASES | {"hook_embed", "blocks.0.hook_attn_out", "blocks.0.hook_mlp_out", "blocks.1.hook_attn_out"}
    if positions == "standard":
        expected |= {"hook_pos_embed"}
    parts = model.decompose(TEXT)
    assert set(parts.others) == expected
    assert all(part.abs().max() > 1e-3 for part in parts.others.values())


def test_by_token_and_by_neuron_are_sums_of_the_contributions(model):
    parts = model.decompose(TEXT)
    for i in range(9):
        expected = parts.neurons[i].sum(0) + sum(part[i] for part in parts.others.values())
        torch.testing.assert_close(parts.by_token()[i], expected, atol=1e-5, rtol=1e-5)
    for n in (0, 31):
        expected = sum(parts.neurons[i, n] for i in range(9))
        torch.testing.assert_close(parts.by_neuron()[n], expected, atol=1e-6, rtol=1e-5)
    rest = sum(part.sum(0) for part in parts.others.values())
    torch.testing.assert_close(parts.by_neuron().sum(0) + rest, parts.total(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("i", "c"), [(0, 0), (4, 1)])
def test_a_neurons_contribution_equals_a_slow_loop(model, i, c):
    """h[i, n] (W_out[n] @ W_U)[c] up to the final LayerNorm: centred, weighted, divided by its scale and by n_real."""
    last = model.config.n_layers - 1
    _, cache = model.run_with_cache(TEXT)
    n = int(cache["post", last][0, i].argmax())
    h = cache["post", last][0, i, n].item()
    w_out = model.backbone.W_out[last][n].tolist()
    w_u = model.backbone.W_U[:, c].tolist()
    weight = model.backbone.ln_final.w.tolist()
    centre = sum(w_out) / len(w_out)
    effect = sum((w - centre) * g * u for w, g, u in zip(w_out, weight, w_u, strict=True))
    residual = cache["resid_post", last][0, i].double()
    scale = (residual.var(unbiased=False) + model.cfg.eps).sqrt().item()
    found = model.decompose(TEXT).neurons[i, n, c].item()
    assert h > 0 and found == pytest.approx(h * effect / scale / 9, rel=1e-4)


def test_a_silent_neuron_adds_nothing(model):
    _, cache = model.run_with_cache(TEXT)
    silent = cache["post", -1][0] == 0
    assert silent.any()
    neurons = model.decompose(TEXT).neurons
    assert (neurons[silent] == 0).all() and (neurons[~silent] != 0).any()


def test_ablating_a_neuron_takes_exactly_its_contribution_away(model):
    """With the scale of the final LayerNorm held where it was."""
    last = model.config.n_layers - 1
    plain, cache = model.run_with_cache(TEXT)
    parts = model.decompose(TEXT)
    frozen = ("ln_final.hook_scale", lambda value, hook: cache["ln_final.hook_scale"])
    for i in (0, 8):
        n = int(parts.neurons[i].abs().sum(-1).argmax())

        def silence(value, hook, i=i, n=n):
            value = value.clone()
            value[0, i, n] = 0.0
            return value

        ablated = model.run_with_hooks(TEXT, fwd_hooks=[(f"blocks.{last}.mlp.hook_post", silence), frozen])
        lost = plain.logits[0] - ablated.logits[0]
        assert lost.abs().max() > 1e-3
        torch.testing.assert_close(lost, parts.neurons[i, n], atol=1e-5, rtol=1e-4)


def test_ablating_a_component_takes_exactly_its_contribution_away(make_model):
    model = make_model("residual")
    plain, cache = model.run_with_cache(TEXT)
    frozen = [
        (name, lambda value, hook, name=name: cache[name])
        for name in ("ln_final.hook_scale", "blocks.0.mlp.hook_post", "blocks.0.hook_mlp_out")
    ]
    name = "blocks.0.hook_attn_out"
    ablated = model.run_with_hooks(TEXT, fwd_hooks=[*frozen, (name, lambda value, hook: 0 * value)])
    lost = plain.logits[0] - ablated.logits[0]
    torch.testing.assert_close(lost, model.decompose(TEXT).others[name].sum(0), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_it_reads_the_model_in_evaluation_and_puts_it_back(model, training):
    expected = model.decompose(TEXT)
    model.train(training)
    found = model.decompose(TEXT)
    assert torch.equal(found.neurons, expected.neurons)
    assert model.training is training and model.backbone.training is training
    assert torch.is_grad_enabled()


def test_a_text_too_long_is_an_error_and_can_be_cut(make_model):
    model = make_model(n_ctx=4)
    with pytest.raises(TextError, match=r"9 tokens.*at most 4"):
        model.decompose(TEXT)
    assert model.training is False
    parts = model.decompose(TEXT, truncate=True)
    assert parts.tokens == TEXT.split()[:4]
    torch.testing.assert_close(parts.total(), model("the acting is warm").logits[0], atol=1e-4, rtol=0)


def test_a_text_without_a_word_is_an_error(model):
    with pytest.raises(TextError, match="no token"):
        model.decompose("  ")
