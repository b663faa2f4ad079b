"""What tokens share is their activations or their evidence: against a loop, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from safr_lens import HookedClassifier, SafrPenalty, TrainConfig, train
from safr_lens.errors import ConfigError
from safr_lens.penalty import TokenWords
from safr_lens.penalty.evidence import class_effects
from tests.backbones.pretrained.encoders import write_small_classifier
from tests.reference import slow_penalty
from tests.training.corpus import sentiment_data, tiny_classifier

LABELS = ("negative", "neutral", "positive")
EVIDENCE = {"overlap_of": "evidence", "scope": "text", "pairs": "attention", "counted_pairs": "tokens"}


@pytest.fixture(params=["small", "head"])
def model(request, make_model, small_bert) -> HookedClassifier:
    if request.param == "head":
        return HookedClassifier.from_pretrained_backbone(small_bert, labels=LABELS, d_mlp=8)
    return make_model(labels=LABELS, n_layers=2)


def test_an_effect_is_how_far_a_neuron_moves_the_classes_apart(model):
    last = model.adapter.n_layers - 1
    written, readout = model.adapter.w_out(last).detach(), model.adapter.readout()
    expected = []
    for row in written:
        centred = row - row.mean() if readout.eps is not None else row
        logits = [
            sum(a * b for a, b in zip(centred.tolist(), column, strict=True)) for column in readout.weight.T.tolist()
        ]
        mean = sum(logits) / len(logits)
        expected.append(math.sqrt(sum((one - mean) ** 2 for one in logits)))
    assert class_effects(model.adapter).tolist() == pytest.approx(expected, rel=1e-4)


def test_terms_of_evidence_are_those_of_activations_times_effects(model, texts):
    penalty = SafrPenalty(**EVIDENCE, gates="shared", information_weight=0.0)
    tokens, mask = model.to_tokens(list(texts))
    output = model(tokens, mask, capture=penalty.hook_names(model.adapter))
    terms = penalty.terms(output, model.adapter, TokenWords(tokens))
    last = model.adapter.n_layers - 1
    neurons = output.activations[model.adapter.neurons(last)] * class_effects(model.adapter)
    pattern = output.activations[model.adapter.attention_pattern(last)]
    correlation = slow_penalty.attention_correlation(pattern.tolist(), output.mask.tolist())
    values = (neurons.tolist(), output.importance.tolist(), correlation, output.mask.tolist())
    assert terms["importance"].item() == pytest.approx(slow_penalty.neuron_importance(*values, l1_ratio=0.0), rel=1e-3)
    assert terms["interaction"].item() == pytest.approx(slow_penalty.neuron_interaction(*values), rel=1e-3)


def test_a_neuron_that_says_nothing_counts_in_no_term():
    model = tiny_classifier()
    penalty = SafrPenalty(**EVIDENCE, gates="shared")
    with torch.no_grad():
        model.adapter.w_out(0)[3] = 0.0
    tokens, mask = model.to_tokens("a wonderful film with a dull plot")
    points = penalty.hook_names(model.adapter)

    def terms(value: float):
        def put(neurons, hook):
            neurons = neurons.clone()
            neurons[..., 3] = value
            return neurons

        with model.hooks([(model.adapter.neurons(0), put)]):
            output = model(tokens, mask, capture=points)
        return penalty.terms(output, model.adapter, TokenWords(tokens))["importance"].item()

    assert terms(0.0) == pytest.approx(terms(50.0), rel=1e-5)


def test_it_trains_and_says_so():
    penalty = SafrPenalty(overlap_of="evidence")
    result = train(tiny_classifier(), sentiment_data(), TrainConfig(epochs=1), penalty=penalty, progress=False)
    assert result.metrics["settings"]["penalty"]["overlap_of"] == "evidence"
    assert SafrPenalty(**penalty.to_dict()) == penalty
    assert "overlap_of" not in SafrPenalty(overlap_of="activations").to_dict()


@pytest.mark.parametrize("layers", [(0,), (0, 1)])
def test_layers_below_the_last_have_no_evidence(make_model, layers):
    penalty = SafrPenalty(overlap_of="evidence", layers=layers)
    with pytest.raises(ConfigError, match=r"overlap_of='evidence' needs neurons that add to the logits"):
        penalty.hook_names(make_model(n_layers=2).adapter)
    assert SafrPenalty(overlap_of="evidence", layers=(1,)).hook_names(make_model(n_layers=2).adapter)


def test_a_classifier_whose_logits_are_no_sum_has_none(tmp_path):
    write_small_classifier(tmp_path / "classifier", "bert", ("negative", "positive"))
    model = HookedClassifier.from_hf_classifier(tmp_path / "classifier")
    with pytest.raises(ConfigError, match=r"or use overlap_of='activations'"):
        SafrPenalty(overlap_of="evidence").hook_names(model.adapter)


def test_another_choice_is_an_error():
    with pytest.raises(ConfigError, match=r"overlap_of must be one of activations, evidence.*Did you mean 'evidence'"):
        SafrPenalty(overlap_of="evidense")
