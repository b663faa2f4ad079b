"""Measurements of a layer's neurons equal a loop over texts, tokens and neurons."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from datasets import Dataset

from safr_lens.activations import stream
from safr_lens.errors import ConfigError, DataError
from safr_lens.measures import Inputs, collect_statistics, measurements
from tests.reference import slow_measures as slow


@pytest.fixture
def split(texts):
    """Texts in which some words stand 5 times or more."""
    return Dataset.from_dict({"text": [*texts, *texts, *texts], "label": [0, 1] * 9})


def summary(model, split, *, layer=-1, seed=0):
    """What is measured of a layer, and its mean activations by token type."""
    statistics = collect_statistics(model, split, layer=layer, n_groups=1, effects=False, seed=seed)
    found = measurements(Inputs(statistics))
    names = ("capacity", "token_selectivity", "active_per_token", "silent_tokens")
    d_mlp, selectivity = len(statistics.activity.alive), found["token_selectivity"]
    values = SimpleNamespace(
        **{name: found[name].estimate.value for name in names},
        token_selectivity_null=selectivity.null.value,
        token_selectivity_above_null=selectivity.above.value,
        alive_neurons=round(found["alive_neurons"].estimate.value * d_mlp),
        d_mlp=d_mlp,
        n_tokens=statistics.activity.n_tokens,
        n_undefined=selectivity.n_undefined,
    )
    return values, statistics.types.means()


def neurons_of(model, split, layer):
    """Token ids and neurons of each text, one text a forward pass."""
    found = []
    for text in split["text"]:
        with torch.no_grad():
            h = model(text, capture=[f"blocks.{layer}.mlp.hook_post"]).activations[f"blocks.{layer}.mlp.hook_post"]
        found.append((model.to_tokens(text)[0][0].tolist(), h[0].double().tolist()))
    return found


def slow_summary(found):
    """The same by loops, apart from the null."""
    tokens = [token for ids, _ in found for token in ids]
    rows = [row for _, h in found for row in h]
    capacities = [c for _, h in found for c in slow.capacity(h) if not math.isnan(c)]
    alive = [n for n in range(len(rows[0])) if any(row[n] > 0 for row in rows)]
    selectivity = slow.token_selectivity(list(slow.type_means(tokens, rows, min_count=5).values()))
    return {
        "capacity": sum(capacities) / len(capacities),
        "token_selectivity": slow.nan_mean(selectivity),
        "active_per_token": sum(x > 0 for row in rows for x in row) / len(rows),
        "silent_tokens": sum(not any(x > 0 for x in row) for row in rows) / len(rows),
        "alive_neurons": len(alive),
        "d_mlp": len(rows[0]),
        "n_tokens": len(rows),
        "n_undefined": sum(math.isnan(selectivity[n]) for n in alive),
    }


def check(found, expected):
    for name, value in expected.items():
        assert vars(found)[name] == pytest.approx(value, abs=1e-4), name


def test_every_measure_equals_a_slow_loop(model, split):
    last = model.config.n_layers - 1
    found, _ = summary(model, split)
    check(found, slow_summary(neurons_of(model, split, last)))


def test_another_layer_can_be_measured(make_model, split):
    model = make_model(n_layers=2)
    first, _ = summary(model, split, layer=0)
    check(first, slow_summary(neurons_of(model, split, 0)))
    last, _ = summary(model, split)
    assert first != last and summary(model, split, layer=1)[0] == last == summary(model, split, layer=-1)[0]


def test_means_by_type_are_those_of_the_split(make_model, split):
    model = make_model()
    found = neurons_of(model, split, 0)
    expected = slow.type_means([t for ids, _ in found for t in ids], [row for _, h in found for row in h], min_count=5)
    _, means = summary(model, split)
    assert means.types.tolist() == list(expected)
    torch.testing.assert_close(means.means.tolist(), list(expected.values()), atol=1e-5, rtol=0)


def test_the_null_is_the_mean_selectivity_over_shuffled_types(make_model, split):
    found, means = summary(make_model(), split, seed=4)
    measured = slow.token_selectivity(means.means.tolist())
    per_shuffle = [slow.token_selectivity(shuffled.tolist()) for shuffled in means.null]
    per_neuron = [slow.nan_mean(values) for values in zip(*per_shuffle, strict=True)]
    defined = [null for null, value in zip(per_neuron, measured, strict=True) if not math.isnan(null + value)]
    assert len(per_shuffle) == 9
    assert found.token_selectivity_null == pytest.approx(sum(defined) / len(defined), abs=1e-5)
    assert found.token_selectivity_above_null == pytest.approx(found.token_selectivity - found.token_selectivity_null)
    assert found.token_selectivity_null != summary(make_model(), split, seed=5)[0].token_selectivity_null


def test_a_neuron_for_one_word_is_as_selective_as_can_be_and_above_its_null(make_model, split):
    model = make_model()
    film = model.backbone.W_E[model.to_tokens("film")[0].item()]
    seen = {}

    def look(embed, hook):
        seen["is_film"] = (embed == film).all(-1, keepdim=True)

    def fire(neurons, hook):
        return seen["is_film"].expand_as(neurons).to(neurons.dtype)

    with model.hooks(fwd_hooks=[("hook_ungated_embed", look), ("blocks.0.mlp.hook_post", fire)]):
        found, _ = summary(model, split)
    assert found.token_selectivity == pytest.approx(1.0, abs=1e-6)
    assert found.token_selectivity_above_null > 0.1


def silence(positions):
    def patch(value, hook):
        value = value.clone()
        value[:, positions] = 0.0
        return value

    return [("blocks.0.mlp.hook_post", patch)]


def test_silent_tokens_are_counted_and_left_out_of_the_capacity(make_model, split):
    model = make_model()
    found = neurons_of(model, split, 0)
    for _, h in found:
        h[0] = [0.0] * 32
    with model.hooks(fwd_hooks=silence([0])):
        measured, _ = summary(model, split)
    expected = slow_summary(found)
    assert expected["silent_tokens"] == 18 / expected["n_tokens"]
    check(measured, expected)


def test_dead_neurons_are_counted_and_left_out_of_the_selectivity(make_model, split):
    model = make_model()
    plain, _ = summary(model, split)
    with torch.no_grad():
        model.backbone.blocks[0].mlp.W_in[:, :4] = 0.0
        model.backbone.blocks[0].mlp.b_in[:4] = -1.0
    found, means = summary(model, split)
    assert plain.alive_neurons > 28 and found.alive_neurons == plain.alive_neurons - 4
    assert (means.means[:, :4] == 0).all()
    check(found, slow_summary(neurons_of(model, split, 0)))


def test_neurons_that_fire_at_rare_types_alone_are_counted_as_undefined(make_model, split, monkeypatch):
    model = make_model()
    rare = Dataset.from_dict({"text": [*split["text"], "gripping tedious"], "label": [0] * 19})
    monkeypatch.setattr(stream, "BATCH_SIZE", 1)  # so that the shape tells the text of two words

    def fire(value, hook):
        return torch.full_like(value, float(value.shape[1] == 2))

    with model.hooks(fwd_hooks=[("blocks.0.mlp.hook_post", fire)]):
        found, _ = summary(model, rare)
    assert found.alive_neurons == found.n_undefined == 32
    assert math.isnan(found.token_selectivity)


def test_a_layer_that_is_silent_everywhere_is_reported_and_has_no_capacity(make_model, split):
    model = make_model()
    with torch.no_grad():
        model.backbone.blocks[0].mlp.W_in.zero_()
        model.backbone.blocks[0].mlp.b_in.fill_(-1.0)
    found, _ = summary(model, split)
    assert (found.silent_tokens, found.alive_neurons, found.active_per_token) == (1.0, 0, 0.0)
    assert math.isnan(found.token_selectivity) and math.isnan(found.capacity)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_batch_size_does_not_matter(make_model, split, monkeypatch, batch_size):
    model = make_model()
    whole = vars(summary(model, split)[0])
    monkeypatch.setattr(stream, "BATCH_SIZE", batch_size)
    found = vars(summary(model, split)[0])
    assert found == pytest.approx(whole, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("layer", [1, -2])
def test_a_layer_that_the_model_does_not_have_is_an_error(make_model, split, layer):
    with pytest.raises(ConfigError, match=f"no layer {layer}"):
        summary(make_model(), split, layer=layer)


def test_an_empty_split_is_an_error(make_model):
    with pytest.raises(DataError, match="no texts"):
        summary(make_model(), [])
