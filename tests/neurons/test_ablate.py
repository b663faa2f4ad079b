"""Neurons taken out for a block: what stands in for them, how long, and who notices."""

from __future__ import annotations

import pytest
import torch

from safr_lens.activations import stream_activations
from safr_lens.errors import ConfigError, DataError
from safr_lens.measures import evaluate, reliance
from safr_lens.neurons import ablate, mean_neurons, reference_neurons
from tests.backbones.weights import gradients

CHOSEN = list(range(0, 32, 3))
TEXT = "it does n't work , and it never ends"


def name_of(layer):
    return f"blocks.{layer}.mlp.hook_post"


def neurons_of(model, text=TEXT, layer=-1):
    name = name_of(layer % model.config.n_layers)
    with torch.no_grad():
        return model(text, capture=[name]).activations[name][0]


def logits_of(model, text=TEXT):
    with torch.no_grad():
        return model(text).logits


def with_values(model, values, layer, neurons=CHOSEN):
    """Logits with some neurons set to some values, by TransformerLens's own hooks."""

    def put(value, hook):
        value = value.clone()
        for number, neuron in enumerate(neurons):
            value[:, :, neuron] = values[..., number]
        return value

    with model.hooks(fwd_hooks=[(name_of(layer), put)]):
        return logits_of(model)


# ---- what stands in


@pytest.mark.parametrize("layer", [0, -1])
def test_zero_is_the_same_as_a_hook_that_sets_0(model, layer):
    expected = with_values(model, torch.zeros(len(CHOSEN)), layer % model.config.n_layers)
    with ablate(model, CHOSEN, layer=layer) as ablated:
        assert ablated is model
        assert torch.equal(logits_of(model), expected)
    assert not torch.allclose(expected, logits_of(model))


@pytest.mark.parametrize("layer", [0, -1])
def test_mean_is_the_same_as_a_hook_that_sets_the_mean(model, texts, layer):
    means = mean_neurons(model, texts, layer=layer)[CHOSEN]
    expected = with_values(model, means, layer % model.config.n_layers)
    with ablate(model, CHOSEN, mode="mean", data=texts, layer=layer):
        torch.testing.assert_close(logits_of(model), expected)


def test_resample_takes_all_chosen_neurons_from_one_random_token(model, texts):
    rows = reference_neurons(model, texts, seed=7)[:, CHOSEN]
    with ablate(model, CHOSEN, mode="resample", data=texts, seed=7):
        found = torch.cat([neurons_of(model) for _ in range(30)])
    distances = torch.cdist(found[:, CHOSEN].double(), rows.double())
    assert distances.min(1).values.max() < 1e-6
    picked = distances.argmin(1)
    counts = torch.bincount(picked, minlength=len(rows)).double()
    # 270 draws of 37 tokens: nearly all are drawn, none more often than chance allows
    expected = len(found) / len(rows)
    assert len(picked.unique()) > 0.8 * len(rows) and counts.max() < expected + 5 * expected**0.5
    untouched = [n for n in range(32) if n not in CHOSEN]
    intact = neurons_of(model)
    assert torch.equal(found[: len(intact), untouched], intact[:, untouched])


def test_resample_draws_anew_in_every_pass_and_alike_in_every_block(make_model, texts):
    model = make_model()
    with ablate(model, CHOSEN, mode="resample", data=texts, seed=1):
        first, second = logits_of(model), logits_of(model)
    with ablate(model, CHOSEN, mode="resample", data=texts, seed=1):
        assert torch.equal(logits_of(model), first)
    with ablate(model, CHOSEN, mode="resample", data=texts, seed=2):
        assert not torch.equal(logits_of(model), first)
    assert not torch.equal(first, second)


def test_the_global_generator_is_left_alone(make_model, texts):
    model = make_model()
    before = torch.get_rng_state()
    with ablate(model, CHOSEN, mode="resample", data=texts):
        logits_of(model)
    assert torch.equal(torch.get_rng_state(), before)


# ---- several layers


def test_neurons_of_several_layers_at_once_are_the_same_as_nested_blocks(make_model):
    model = make_model(n_layers=2)
    with ablate(model, {0: CHOSEN, -1: 5}):
        found = logits_of(model)
    with ablate(model, CHOSEN, layer=0), ablate(model, 5, layer=1):
        torch.testing.assert_close(logits_of(model), found, atol=0, rtol=0)


def test_resampled_layers_come_from_the_same_token(make_model, texts):
    model = make_model(n_layers=2)
    rows = [reference_neurons(model, texts, layer=layer, seed=3) for layer in (0, 1)]
    with ablate(model, {0: [0, 1, 2], 1: [0, 1, 2]}, mode="resample", data=texts, seed=3):
        model.activations(*model.to_tokens("boring"), names=[name_of(0)])  # a pass that never reaches layer 1
        found = [neurons_of(model, layer=layer) for layer in (0, 1)]
        name = {layer: name_of(layer) for layer in (0, 1)}
        both = model(TEXT, capture=name.values()).activations
    assert not torch.equal(found[0][:, :3], both[name[0]][0, :, :3])
    picked = [torch.cdist(both[name[i]][0, :, :3], rows[i][:, :3]).argmin(1) for i in (0, 1)]
    assert torch.equal(*picked)


# ---- the block


def test_the_model_is_as_before_after_the_block(model, hooks_left):
    intact = logits_of(model)
    with ablate(model, CHOSEN):
        assert not torch.equal(logits_of(model), intact)
    assert torch.equal(logits_of(model), intact) and not hooks_left(model)


def test_the_model_is_as_before_after_an_exception(model, texts, hooks_left):
    intact = logits_of(model)
    with pytest.raises(RuntimeError, match="boom"), ablate(model, CHOSEN, mode="resample", data=texts):
        logits_of(model)
        raise RuntimeError("boom")
    assert torch.equal(logits_of(model), intact) and not hooks_left(model)


def test_a_users_own_hooks_survive_the_block(make_model):
    model = make_model()
    seen = []
    model.add_hook(name_of(0), lambda value, hook: seen.append(value[0, 0, CHOSEN].tolist()))
    with ablate(model, CHOSEN):
        logits_of(model)
    logits_of(model)
    model.reset_hooks()
    assert len(seen) == 2


def test_blocks_nest_and_the_inner_one_has_the_last_word(make_model, texts):
    model = make_model()
    with ablate(model, [1, 2]):
        with ablate(model, [2, 3], mode="mean", data=texts):
            inner = neurons_of(model)
        outer = neurons_of(model)
    means = mean_neurons(model, texts)
    assert (outer[:, [1, 2]] == 0).all() and (inner[:, 1] == 0).all()
    # the mean of 2 is 0, since the outer block is in force when it is taken
    assert (inner[:, 2] == 0).all()
    torch.testing.assert_close(inner[:, 3], means[3].expand(len(inner)))


def test_everything_that_runs_the_model_sees_it_ablated(model, texts):
    rows = [{"text": text, "label": i % 2} for i, text in enumerate(texts)]
    expected = {"loss": evaluate(model, rows).loss}
    with ablate(model, range(32)):
        last = neurons_of(model)
        stream = torch.cat([b.activations[name_of(0)] for b in stream_activations(model, texts, name_of(0))])
        parts = model.decompose(TEXT)
        loss, lost = evaluate(model, rows).loss, reliance(model, rows)
        _, cache = model.run_with_cache(TEXT)
        logits = logits_of(model)
    assert (last == 0).all() and (parts.neurons == 0).all() and (cache[name_of(model.config.n_layers - 1)] == 0).all()
    assert (stream == 0).all() == (model.config.n_layers == 1)
    torch.testing.assert_close(parts.total(), logits[0], atol=1e-5, rtol=0)
    assert loss != expected["loss"]
    if model.config.n_layers == 1:
        # without neurons the MLP adds its bias alone, which its mean keeps
        assert lost.mean.loss_gained == pytest.approx(0.0, abs=1e-6)


def test_gradients_flow_past_the_chosen_neurons_only(make_model):
    model = make_model()
    with ablate(model, CHOSEN):
        model(TEXT).logits[0, 0].backward()
    gradient = gradients(model)["backbone.blocks.0.mlp.W_in"]
    assert (gradient[:, CHOSEN] == 0).all() and gradient.abs().sum() > 0


# ---- bad input


def test_bad_input(make_model, texts, hooks_left):
    model = make_model()
    for arguments, message in [
        ({"neurons": 1, "mode": "zeros"}, "mode must be one of zero, mean, resample; got 'zeros'. Did you mean 'zero'"),
        ({"neurons": 1, "mode": "mean"}, "mode 'mean' takes its values from texts; name them with data="),
        ({"neurons": 1, "mode": "resample"}, "mode 'resample' takes its values from texts"),
        ({"neurons": 32}, "no neuron 32"),
        ({"neurons": 1, "layer": 1}, "no layer 1"),
        ({"neurons": {3: 1}}, "no layer 3"),
    ]:
        with pytest.raises(ConfigError, match=message), ablate(model, **arguments):
            pass
    with pytest.raises(DataError, match="holds no texts"), ablate(model, 1, mode="mean", data=[]):
        pass
    assert not hooks_left(model)
