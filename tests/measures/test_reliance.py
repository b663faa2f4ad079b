"""What a classifier loses without its MLPs."""

from __future__ import annotations

import math

import pytest
import torch

from safr_lens import HookedClassifier
from safr_lens.errors import ConfigError
from safr_lens.measures import Evaluation, collect_statistics, evaluate, reliance
from safr_lens.measures.reliance import Lost, Reliance, ablated_predictions
from tests.reference.slow_predictions import by_hand


def test_a_model_that_ignores_its_mlp_loses_nothing(make_model, split):
    model = make_model("residual")
    with torch.no_grad():
        model.backbone.blocks[0].mlp.W_out.zero_()
        model.backbone.blocks[0].mlp.b_out.zero_()
    found = reliance(model, split)
    nothing = Lost(accuracy_lost=0.0, loss_gained=pytest.approx(0.0, abs=1e-6))
    assert found == Reliance((0,), zero=nothing, mean=nothing)
    assert not found.carried


def right_answers(model, split):
    """The split with the labels that the model gives, after its bias was set so that it gives both."""
    with torch.no_grad():
        first, second = model(list(split["text"])).logits.unbind(1)
        model.backbone.unembed.b_U[1] += (first - second).median() + 1e-3
        return split.map(lambda row: {"label": int(model(row["text"]).logits.argmax())})


def test_the_neuron_readout_without_mlp_answers_one_class_always(make_model, split):
    model = make_model("neurons")
    data = right_answers(model, split)
    assert set(data["label"]) == {0, 1}
    bias = (model.backbone.ln_final.b @ model.backbone.W_U + model.backbone.b_U).tolist()
    answer = bias.index(max(bias))
    loss = sum(math.log(sum(map(math.exp, bias))) - bias[label] for label in data["label"]) / len(data)
    found = reliance(model, data).zero
    assert found.accuracy_lost == pytest.approx(1 - data["label"].count(answer) / len(data))
    assert found.loss_gained == pytest.approx(loss - evaluate(model, data).loss, abs=1e-5)


def test_zero_and_mean_ablation_equal_a_hand_loop(model, split):
    layers = range(model.config.n_layers)
    names = [f"blocks.{layer}.hook_mlp_out" for layer in layers]
    outputs = {name: [] for name in names}
    for text in split["text"]:
        cache = model.run_with_cache(text, names_filter=names)[1]
        for name in names:
            outputs[name] += cache[name][0].tolist()
    means = {
        name: torch.tensor([sum(column) / len(rows) for column in zip(*rows, strict=True)])
        for name, rows in outputs.items()
    }
    before = by_hand(model, split)
    found = reliance(model, split)
    for mode, values in (("zero", {name: 0 * mean for name, mean in means.items()}), ("mean", means)):
        patches = [(name, lambda out, hook, v=value: v.expand_as(out)) for name, value in values.items()]
        after = by_hand(model, split, patches)
        lost = getattr(found, mode)
        assert lost.accuracy_lost == pytest.approx(before[0] - after[0], abs=1e-9)
        assert lost.loss_gained == pytest.approx(after[1] - before[1], abs=1e-4)
    assert found.layers == tuple(layers)


def test_chosen_layers_alone_are_ablated(make_model, split):
    model = make_model("residual", n_layers=2)
    with torch.no_grad():
        model.backbone.blocks[1].mlp.W_out.zero_()
        model.backbone.blocks[1].mlp.b_out.zero_()
    idle, busy, both = (reliance(model, split, layers=layers) for layers in ([1], [0], [0, 1]))
    assert idle.layers == (1,) and idle.zero.loss_gained == pytest.approx(0.0, abs=1e-6)
    assert abs(busy.zero.loss_gained) > 1e-3
    assert both.zero.loss_gained == pytest.approx(busy.zero.loss_gained, abs=1e-6)


@pytest.mark.parametrize("layers", [[1], [0, 5], [-2]])
def test_a_layer_that_the_model_does_not_have_is_an_error(make_model, split, layers):
    with pytest.raises(ConfigError, match=rf"no layer {layers[-1]}; it has 1 \(0 to 0\)"):
        reliance(make_model(), split, layers=layers)


def test_a_known_evaluation_is_used(make_model, split):
    model = make_model()
    plain = reliance(model, split)
    shifted = reliance(model, split, intact=Evaluation(accuracy=2.0, loss=0.0, n=24))
    before = evaluate(model, split)
    assert shifted.zero.accuracy_lost == pytest.approx(plain.zero.accuracy_lost + 2.0 - before.accuracy)
    assert shifted.mean.loss_gained == pytest.approx(plain.mean.loss_gained + before.loss)


def test_reliance_leaves_the_model_as_it_was(model, split, hooks_left):
    before = evaluate(model, split)
    with model.hooks(fwd_hooks=[("hook_embed", lambda value, hook: value)]):
        reliance(model, split)
        assert hooks_left(model) == ["backbone.hook_embed"]
    assert hooks_left(model) == [] and evaluate(model, split) == before


@pytest.mark.parametrize(
    ("zero", "mean", "carried"), [(0.3, 0.2, True), (0.05, 0.05, True), (0.3, 0.04, False), (0.04, 0.3, False)]
)
def test_neurons_carry_the_decision_where_both_ablations_cost_five_points(zero, mean, carried):
    found = Reliance((0,), zero=Lost(zero, 0.1), mean=Lost(mean, 0.1))
    assert found.carried is carried
    assert found.to_dict() == {
        "layers": [0],
        "zero": {"accuracy_lost": zero, "loss_gained": 0.1},
        "mean": {"accuracy_lost": mean, "loss_gained": 0.1},
        "carried": carried,
    }


def test_texts_that_no_longer_reach_the_logits_are_not_run(make_model, split, monkeypatch):
    model = make_model("neurons")
    names = [f"blocks.{layer}.hook_mlp_out" for layer in range(model.config.n_layers)]
    fast = ablated_predictions(model, split)
    with model.hooks(fwd_hooks=[(names[0], lambda value, hook: value)]):
        slow = ablated_predictions(model, split)
    for mode, one in fast.items():
        assert torch.allclose(one.loss, slow[mode].loss, atol=1e-6, rtol=0)
        assert torch.equal(one.predicted, slow[mode].predicted) and torch.equal(one.labels, slow[mode].labels)
        assert (one.n_cut, one.unknown_tokens) == (slow[mode].n_cut, slow[mode].unknown_tokens)
    ran, forward = [], HookedClassifier.forward
    monkeypatch.setattr(HookedClassifier, "forward", lambda *args, **kept: ran.append(1) or forward(*args, **kept))
    ablated_predictions(model, split, means=collect_statistics(model, split).mlp_outputs)
    n_of_statistics = len(ran)
    ran.clear()
    collect_statistics(model, split)
    assert n_of_statistics == len(ran) + 2  # one text for zeros, one for means


def test_means_of_the_statistics_are_those_of_a_pass_of_their_own(make_model, split):
    model = make_model("residual", n_layers=2)
    known = ablated_predictions(model, split, means=collect_statistics(model, split).mlp_outputs)
    for mode, one in ablated_predictions(model, split).items():
        assert torch.allclose(one.loss, known[mode].loss, atol=1e-6, rtol=0)
