"""Which terms there are, which weights they get, and what each of them trains."""

from __future__ import annotations

import json

import pytest
import torch

from safr_lens import ClassifierOutput, SafrPenalty, Schedule
from safr_lens.errors import ConfigError
from safr_lens.penalty import (
    attention_correlation,
    embedding_importance,
    embedding_interaction,
    information,
    neuron_importance,
    neuron_interaction,
)
from safr_lens.penalty.presets import PRESETS
from tests.backbones.weights import gradients
from tests.penalty.points import ONE_LAYER, Points

TERMS = {
    "neurons": {"importance", "interaction", "information"},
    "embedding": {"importance", "interaction", "information"},
    "none": {"information"},
}


def attending(**changes):
    """Penalty on pairs that attend to each other, which needs no words; any other site knows no pairs."""
    return SafrPenalty.preset("attention", **changes)


def terms_of(model, texts, penalty, **forward):
    output = model(list(texts), capture=penalty.hook_names(model.adapter), **forward)
    return penalty.terms(output, model.adapter)


# ---- terms


@pytest.mark.parametrize("site", list(TERMS))
def test_each_site_has_its_terms_by_name_and_weights_for_all_of_them(model, texts, site):
    penalty = attending(site=site)
    terms = terms_of(model, texts, penalty)
    assert set(terms) == TERMS[site] == set(penalty.weights(0.0))
    assert all(term.shape == () and term.isfinite() for term in terms.values())


def test_the_unregularised_model_needs_no_activations():
    assert SafrPenalty(site="none").hook_names(Points(2)) == []


def test_neuron_terms_are_the_formulas_at_the_last_layer_by_default(model, texts):
    penalty = attending(threshold=1.1, l1_ratio=0.5)
    last = model.config.n_layers - 1
    names = [f"blocks.{last}.mlp.hook_post", f"blocks.{last}.attn.hook_pattern"]
    out = model(list(texts), capture=names)
    h, pattern = (out.activations[name] for name in names)
    c = attention_correlation(pattern, out.mask, 1.1)
    found = terms_of(model, texts, penalty)
    assert found["importance"] == neuron_importance(h, out.importance, c, out.mask, 0.5)
    assert found["interaction"] == neuron_interaction(h, out.importance, c, out.mask)
    assert found["information"] == information(out.importance, out.mask)
    assert found["interaction"] > 0


def test_embedding_terms_are_the_formulas_on_gated_embedding_and_first_layer_by_default(model, texts):
    out = model(list(texts), capture=["hook_embed", "hook_ungated_embed", "blocks.0.attn.hook_pattern"])
    seen = out.activations
    found = terms_of(model, texts, SafrPenalty(site="embedding"))
    assert found["importance"] == embedding_importance(seen["hook_embed"], out.mask)
    assert found["importance"] < embedding_importance(seen["hook_ungated_embed"], out.mask)
    assert found["interaction"] == embedding_interaction(seen["blocks.0.attn.hook_pattern"], out.mask)


@pytest.mark.parametrize("site", ["neurons", "embedding"])
def test_terms_of_several_layers_are_averaged(make_model, texts, site):
    model = make_model(n_layers=2)
    first, second, both = (terms_of(model, texts, attending(site=site, layers=x)) for x in [(0,), (1,), (0, 1)])
    assert first["interaction"] != second["interaction"]
    for name in ("importance", "interaction", "information"):
        torch.testing.assert_close(both[name], (first[name] + second[name]) / 2)


def test_terms_do_not_depend_on_the_weights(model, texts):
    light, heavy = attending(importance_weight=0, interaction_weight=0), attending(importance_weight=9)
    assert terms_of(model, texts, light) == terms_of(model, texts, heavy)


# ---- settings


@pytest.mark.parametrize("name", ["importance_weight", "interaction_weight", "information_weight"])
@pytest.mark.parametrize("bad", [-0.1, "0.3", None, True, float("nan")])
def test_a_weight_that_is_no_number_from_0_is_an_error(name, bad):
    with pytest.raises(ConfigError, match=name):
        SafrPenalty(**{name: bad})


@pytest.mark.parametrize("name", ["threshold", "l1_ratio"])
def test_a_negative_setting_is_an_error(name):
    with pytest.raises(ConfigError, match=name):
        attending(**{name: -1.0})


def test_an_unknown_site_names_the_near_match():
    with pytest.raises(ConfigError, match="Did you mean 'neurons'"):
        SafrPenalty(site="neuron")


@pytest.mark.parametrize("layers", [(-1,), (0.5,), ("0",), (True,)])
def test_a_layer_that_is_no_whole_number_from_0_is_an_error(layers):
    with pytest.raises(ConfigError, match="layers"):
        SafrPenalty(layers=layers)


@pytest.mark.parametrize("layers", [(), 0])
def test_layers_that_are_no_list_of_layers_are_an_error(layers):
    with pytest.raises(ConfigError, match="layers"):
        SafrPenalty(layers=layers)


@pytest.mark.parametrize("site", ["neurons", "embedding"])
def test_a_layer_that_the_model_does_not_have_is_an_error(site):
    with pytest.raises(ConfigError, match="layer 2, but the model has 2"):
        SafrPenalty(site=site, layers=[0, 2]).hook_names(Points(2))


@pytest.mark.parametrize(
    "penalty",
    [
        SafrPenalty(),
        SafrPenalty(site="none"),
        SafrPenalty(site="embedding", layers=(0, 1), importance_weight=2),
        SafrPenalty(
            interaction_weight=Schedule(start=0.0, end=0.5, epochs=2, delay=1), l1_ratio=0.0, word_threshold=0.3
        ),
    ],
)
def test_settings_come_back_from_json(penalty):
    assert SafrPenalty(**json.loads(json.dumps(penalty.to_dict()))) == penalty


def test_the_weights_of_a_penalty_follow_its_schedules():
    penalty = SafrPenalty(
        importance_weight={"start": 0.0, "end": 1.0, "epochs": 2},
        interaction_weight=0.5,
        information_weight=Schedule(start=1.0, end=0.0, epochs=4),
    )
    assert penalty.weights(1.0) == {"importance": 0.5, "interaction": 0.5, "information": 0.75}
    assert penalty.settled == 4


def test_weights_of_absent_terms_do_not_delay_settling():
    late = Schedule(start=1.0, end=0.0, epochs=9)
    assert SafrPenalty(importance_weight=late, information_weight=1.0).changed(site="none").settled == 0


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"site": "none", "importance_weight": 1.0}, "importance_weight"),
        ({"site": "embedding", "l1_ratio": 0.5}, "l1_ratio"),
        ({"site": "embedding", "pairs": "words"}, "pairs"),
        ({"site": "none", "gates": "apart"}, "gates"),
        ({"pairs": "words", "threshold": 2.0}, "threshold"),
        ({"pairs": "attention", "word_threshold": 0.5}, "word_threshold"),
        ({"scope": "text", "batch_tokens": 64}, "batch_tokens"),
    ],
)
def test_a_setting_that_would_be_ignored_is_an_error(settings, name):
    with pytest.raises(ConfigError, match=f"^{name} would be ignored"):
        SafrPenalty(**settings)
    kept = {key: value for key, value in settings.items() if key != name}
    changed = SafrPenalty.preset("attention", **kept) if "site" in kept else SafrPenalty(**kept)
    assert name not in changed.to_dict()
    with pytest.raises(ConfigError, match=f"^{name} would be ignored"):
        SafrPenalty().changed(**settings)


# ---- gradient


def leaves(random_batch):
    """Output of an imaginary model whose importance, neurons and pattern are leaves."""
    b = random_batch((5, 4), seed=8)
    q, h, pattern = (t.clone().requires_grad_() for t in (b.importance, b.neurons, b.pattern))
    seen = {"blocks.0.mlp.hook_post": h, "blocks.0.attn.hook_pattern": pattern}
    logits, token_logits = torch.zeros(2, 2), torch.zeros(*b.mask.shape, 2)
    output = ClassifierOutput(logits, token_logits, importance=q * b.mask, mask=b.mask, activations=seen)
    return output, q, h, pattern


def has_gradient(leaf):
    return leaf.grad is not None and bool(leaf.grad.isfinite().all()) and bool((leaf.grad != 0).any())


@pytest.mark.parametrize("name", ["importance", "interaction"])
def test_safr_trains_neurons_and_neither_importance_nor_attention(random_batch, name):
    output, q, h, pattern = leaves(random_batch)
    attending(threshold=1.0).terms(output, ONE_LAYER)[name].backward()
    assert has_gradient(h) and not has_gradient(q) and not has_gradient(pattern)


def test_the_information_term_trains_importance(random_batch):
    output, q, h, _ = leaves(random_batch)
    attending().terms(output, ONE_LAYER)["information"].backward()
    assert has_gradient(q) and not has_gradient(h)


def trained_by(model, texts, penalty, name):
    """Names, in a checkpoint, of the parameters that one term gives a gradient in training."""
    model.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of the dropout
        terms = terms_of(model, texts, penalty, generator=torch.Generator().manual_seed(0))
    model.zero_grad()
    terms[name].backward()
    return {name for name, gradient in gradients(model).items() if gradient.isfinite().all() and gradient.any()}


@pytest.mark.parametrize("name", ["importance", "interaction"])
def test_neuron_terms_train_embedding_attention_and_mlp(model, texts, name):
    found = trained_by(model, texts, attending(threshold=1.0), name)
    last = model.config.n_layers - 1
    assert {"backbone.embed.W_E", f"backbone.blocks.{last}.mlp.W_in"} <= found
    for layer in range(model.config.n_layers):
        assert {f"backbone.blocks.{layer}.attn.{w}" for w in ("W_Q", "W_K", "W_V", "W_O")} <= found


@pytest.mark.parametrize("name", ["importance", "interaction"])
def test_neuron_terms_leave_the_readout_alone(model, texts, name):
    found = trained_by(model, texts, attending(threshold=1.0), name)
    last = model.config.n_layers - 1
    assert not {"backbone.unembed.W_U", f"backbone.blocks.{last}.mlp.W_out"} & found


def test_embedding_importance_trains_the_embedding_and_no_attention(model, texts):
    found = trained_by(model, texts, SafrPenalty(site="embedding"), "importance")
    assert "backbone.embed.W_E" in found and not [parameter for parameter in found if "blocks" in parameter]


def test_embedding_interaction_trains_queries_and_keys_but_no_values(model, texts):
    found = trained_by(model, texts, SafrPenalty(site="embedding"), "interaction")
    attention = "backbone.blocks.0.attn"
    assert {"backbone.embed.W_E", f"{attention}.W_Q", f"{attention}.W_K"} <= found
    assert f"{attention}.W_V" not in found and "backbone.blocks.0.mlp.W_in" not in found


@pytest.mark.parametrize("site", list(TERMS))
def test_the_information_term_trains_vmask_and_embedding_alone(model, texts, site):
    found = trained_by(model, texts, attending(site=site), "information")
    vmask = {name for name, _ in model.named_parameters() if name.startswith("vmask")}
    assert found == vmask | {"backbone.embed.W_E"}


def test_the_gradient_of_a_term_lowers_it(make_model, texts):
    for name in ("importance", "interaction"):
        model = make_model()
        penalty = attending(threshold=1.0)
        before = terms_of(model, texts, penalty)[name]
        before.backward()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter -= 1e-3 * parameter.grad
        assert terms_of(model, texts, penalty)[name] < before


def test_equal_settings_are_equal_penalties():
    assert SafrPenalty() == SafrPenalty() != SafrPenalty(word_threshold=0.3)


# ---- presets


def test_the_default_is_the_light_preset_and_strong_begins_with_five_times_it_and_fades():
    light, strong = SafrPenalty.preset("light"), SafrPenalty.preset("strong")
    assert SafrPenalty() == light
    for name in ("importance", "interaction"):
        parts = [strong.weights(epoch)[name] / light.weights(epoch)[name] for epoch in (0.0, 1.0, 1.5, 2.0, 9.0)]
        assert parts == [5.0, 5.0, 2.5, 0.0, 0.0]
    assert strong.changed(importance_weight=2.0, interaction_weight=1.0) == light


def test_which_presets_need_word_vectors():
    needing = {name for name in PRESETS if SafrPenalty.preset(name).needs_words}
    assert needing == {"light", "strong", "faithful", "pretrained", "sparse"} and set(PRESETS) == needing | {
        "attention",
        "release",
    }
