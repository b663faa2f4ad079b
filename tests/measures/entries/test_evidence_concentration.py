"""Evidence concentration of models whose evidence is known, and of those that have none."""

from __future__ import annotations

import statistics

import pytest
import torch

from safr_lens import HookedClassifier, analyze
from safr_lens.activations import stream
from safr_lens.analysis import compare
from safr_lens.measures import Inputs, collect_statistics, measurements
from safr_lens.measures.attribution import attribution
from tests.training.corpus import rows, tiny_classifier

NAMES = ("evidence_concentration", "evidence_concentration_important")


def measured(model, data):
    found = measurements(Inputs(collect_statistics(model, data)))
    return [found[name] for name in NAMES]


def firing(values):
    """Hooks that give every token the same activations."""
    return [("blocks.0.mlp.hook_post", lambda neurons, hook: values.expand_as(neurons))]


def test_it_is_the_median_of_what_the_views_say(model, texts):
    everything, _ = measured(model, list(texts))
    counts = [k for text in texts for k in attribution(model.decompose(text)).neurons_for_half()]
    assert everything.estimate.value == pytest.approx(statistics.median_grouped(counts), abs=0.51)
    assert everything.n_undefined == counts.count(0)


@pytest.mark.parametrize("n_alike", [1, 4, 10, 32])
def test_neurons_that_add_the_same_need_half_of_them(make_model, texts, n_alike):
    model = make_model()
    with torch.no_grad():
        model.backbone.blocks[0].mlp.W_out.copy_(model.backbone.blocks[0].mlp.W_out[:1].expand(32, -1))
    with model.hooks(fwd_hooks=firing((torch.arange(32) < n_alike).float())):
        everything, important = measured(model, list(texts))
    for one in (everything, important):
        assert one.estimate.value == one.null.value == max(n_alike / 2, 1)
        assert one.estimate.interval() == pytest.approx((max(n_alike / 2, 1),) * 2)
        assert one.above is None and one.judged is one.estimate


def test_the_null_has_other_neurons_directions(make_model, texts):
    """The strong neurons write nearly nothing, so the many weak ones have the evidence; permuted, a strong one has."""
    model = make_model()
    strong = torch.arange(32) < 16
    with torch.no_grad():
        out = model.backbone.blocks[0].mlp.W_out
        out.copy_(out[:1] * torch.where(strong, 1e-3, 1.0).unsqueeze(1))
    with model.hooks(fwd_hooks=firing(torch.where(strong, 100.0, 1.0))):
        everything, _ = measured(model, [*texts] * 10)
    assert everything.estimate.value == pytest.approx(8, abs=1)
    assert everything.null.value < everything.estimate.value


def test_silent_tokens_are_left_out_and_counted(make_model, texts):
    model = make_model()
    with model.hooks(fwd_hooks=firing(torch.zeros(32))):
        everything, _ = measured(model, list(texts))
    assert everything.n_undefined == sum(len(text.split()) for text in texts)
    assert everything.to_dict()["value"] is None and everything.to_dict()["null"]["value"] is None


def test_batches_and_the_order_of_texts_do_not_matter(make_model, texts, monkeypatch):
    model = make_model()
    whole = [one.to_dict() for one in measured(model, list(texts))]
    turned = [one.estimate.value for one in measured(model, list(texts[::-1]))]
    assert turned == pytest.approx([one["value"] for one in whole])
    monkeypatch.setattr(stream, "BATCH_SIZE", 1)
    assert [one.to_dict() for one in measured(model, list(texts))] == whole


def test_without_vmask_every_token_counts(make_model, texts):
    everything, important = measured(make_model(d_vmask=0), list(texts))
    assert important.to_dict() == everything.to_dict()


def test_models_are_compared_by_the_number_itself():
    first, second = (analyze(tiny_classifier(seed=seed), rows(40, seed=2), at_init=False) for seed in (0, 1))
    found = {one.measure: one for one in compare({"a": [first], "b": [second]})["b"]}[NAMES[0]]
    assert found.value == second.measurements[NAMES[0]].estimate.value and not found.above_null
    assert second.to_dict()["figures"][NAMES[0]]["null"]["value"] > 0


def two_layers(make_model, small_bert):
    return make_model(n_layers=2)


def no_exact_sum(make_model, small_bert):
    return HookedClassifier.from_pretrained_backbone(small_bert, labels=("bad", "good"), readout="residual", d_mlp=8)


@pytest.mark.parametrize("make", [two_layers, no_exact_sum])
def test_where_there_is_no_exact_sum_the_analysis_says_why_it_is_left_out(make, make_model, small_bert, texts):
    model = make(make_model, small_bert)
    found = analyze(model, list(texts), layer=0, at_init=False, faithfulness_texts=0)
    assert not set(NAMES) & set(found.measurements)
    assert "no exact sum" in found.not_measured[NAMES[0]]
    [said] = [one for one in found.warnings if "no exact sum" in one]
    assert said.count("not measured") == 1
