"""Sparse probes: what they find where it was planted, and what they make of every form of labels."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from sklearn import metrics

from safr_lens.errors import ConfigError, DataError
from safr_lens.neurons import Probe, sparse_probe
from safr_lens.neurons.concept import Samples
from safr_lens.neurons.probe import fit_probe, split_by_text, with_shuffles
from safr_lens.neurons.scores import bootstrap, column_aucs
from tests.neurons.planted import DEAD, MONOSEMANTIC, POLYSEMANTIC, RANDOM, WORD, WORDS, planted_model

NEURONS = "blocks.0.mlp.hook_post"


@pytest.fixture(scope="module")
def planted():
    return planted_model(300)


# ---- planted concepts


def test_a_word_with_a_neuron_of_its_own_is_told_by_it(planted):
    probe = sparse_probe(*planted, {WORD})
    assert probe.neurons == (MONOSEMANTIC,) and probe.weights[0] > 0 and probe.level == "token"
    assert probe.f1 == probe.auc == 1.0 and probe.f1_interval == probe.auc_interval == (1.0, 1.0)
    assert probe.auc_null == pytest.approx(0.5, abs=0.15) and probe.f1_null < 0.3
    assert probe.auc_above_null == probe.auc - probe.auc_null and probe.f1_above_null == probe.f1 - probe.f1_null


def test_a_word_that_shares_its_neuron_is_told_worse_than_all_words_of_the_neuron(planted):
    one, all_of_them = sparse_probe(*planted, {WORDS[0]}), sparse_probe(*planted, set(WORDS))
    assert one.neurons == all_of_them.neurons == (POLYSEMANTIC,)
    assert all_of_them.f1 == all_of_them.auc == 1.0
    # of the neuron's firings some are the word, and they cannot be told from the others
    tested = [word for i in set(one.texts.tolist()) for word in planted[1][i].split()]
    n_word, n_firing = tested.count(WORDS[0]), sum(word in WORDS for word in tested)
    assert one.f1 == pytest.approx(2 * n_word / (n_word + n_firing))
    assert one.auc == pytest.approx(1 - (n_firing - n_word) / (len(tested) - n_word) / 2)


def test_a_neuron_that_fires_for_the_absence_is_found_with_a_negative_weight(planted):
    probe = sparse_probe(*planted, lambda word: word != WORD)
    assert probe.neurons == (MONOSEMANTIC,) and probe.weights[0] < 0
    assert probe.train_auc[MONOSEMANTIC].item() == 0.0 and probe.auc == probe.f1 == 1.0


def test_a_concept_of_texts_is_told_by_the_mean_over_their_tokens(planted):
    model, texts = planted
    labels = [WORD in text.split() for text in texts]
    probe = sparse_probe(model, texts, labels)
    assert probe.neurons == (MONOSEMANTIC,) and probe.f1 == probe.auc == 1.0 and probe.level == "text"
    assert probe.n_train + probe.n_test == len(texts) and probe.n_positive == sum(labels)
    assert set(probe.texts[probe.labels].tolist()) == {int(i) for i in probe.texts if labels[i]}


def test_dead_neurons_are_never_chosen(planted):
    probe = sparse_probe(*planted, {WORD}, k=4)
    assert DEAD not in probe.neurons and len(probe.neurons) == len(probe.weights) == 3
    assert probe.train_auc[DEAD].item() == 0.5


def test_shuffled_labels_reach_what_chance_reaches(planted):
    model, texts = planted
    generator = torch.Generator().manual_seed(0)
    noise = [(torch.rand(len(text.split()), generator=generator) < 0.25).tolist() for text in texts]
    probe = sparse_probe(model, texts, noise, n_shuffles=10)
    assert probe.auc == pytest.approx(0.5, abs=0.08) and probe.auc_null == pytest.approx(0.5, abs=0.04)
    # the best threshold on noise calls nearly everything positive
    assert probe.f1_null == pytest.approx(2 * 0.25 / 1.25, abs=0.05)
    assert probe.auc_interval[0] < 0.5 < probe.auc_interval[1]


def test_three_neurons_tell_what_one_cannot(planted):
    words = {WORD, *WORDS}
    one, three = (sparse_probe(*planted, words, k=k) for k in (1, 3))
    assert one.neurons == (POLYSEMANTIC,) and set(three.neurons) == {MONOSEMANTIC, POLYSEMANTIC, RANDOM}
    assert one.auc < 0.95 and three.auc == three.f1 == 1.0


# ---- figures


@pytest.mark.parametrize("layer", [0, -1])
def test_figures_equal_scikit_learn_on_the_returned_scores(make_model, layer):
    model = make_model(n_layers=2)
    texts = [" ".join(words) for words in random_texts(model)]
    probe = sparse_probe(model, texts, {"film", "year", "dull"}, k=3, layer=layer)
    labels, scores = probe.labels.numpy(), probe.scores.numpy()
    assert probe.auc == pytest.approx(metrics.roc_auc_score(labels, scores)) and 0.5 < probe.auc < 1
    assert probe.f1 == pytest.approx(metrics.f1_score(labels, scores > probe.threshold)) and 0 < probe.f1 < 1
    assert probe.f1_interval[0] < probe.f1 < probe.f1_interval[1]
    assert probe.auc_interval[0] < probe.auc < probe.auc_interval[1]
    assert probe.n_test == len(labels) == len(probe.texts) and probe.n_positive_test == labels.sum()
    assert probe.layer == layer % 2
    again = bootstrap(probe.scores, probe.labels, probe.texts, threshold=probe.threshold, n_resamples=500, seed=0)
    assert again == (probe.f1_interval, probe.auc_interval, probe.n_resamples)


def random_texts(model, n=120):
    words = sorted(set(model.tokenizer.tokenizer.get_vocab()) - {"[PAD]", "[UNK]"})
    draw = np.random.default_rng(0)
    return [draw.choice(words, size=draw.integers(2, 9)) for _ in range(n)]


def test_the_ranking_equals_scikit_learns_auc_of_each_neuron_on_the_training_texts(make_model):
    model = make_model()
    texts = [" ".join(words) for words in random_texts(model)]
    probe = sparse_probe(model, texts, {"film", "year", "dull"}, k=5)
    train = sorted(set(range(len(texts))) - set(probe.texts.tolist()))
    tokens, values = [], []
    with torch.no_grad():
        for i in train:
            values.append(model(texts[i], capture=[NEURONS]).activations[NEURONS][0])
            tokens += model.to_str_tokens(texts[i])
    labels = [token in {"film", "year", "dull"} for token in tokens]
    expected = [metrics.roc_auc_score(labels, column) for column in torch.cat(values).T]
    assert probe.train_auc.tolist() == pytest.approx(expected, abs=1e-4)
    assert list(probe.neurons) == sorted(range(32), key=lambda n: -abs(expected[n] - 0.5))[:5]
    assert probe.n_train == len(tokens)


def test_scores_are_the_log_odds_of_the_standardised_neurons():
    g = torch.Generator().manual_seed(0)
    values, labels = torch.randn(80, 6, generator=g).relu() * 50, torch.arange(80) < 30
    values[:, 2] += 40 * labels
    fit = fit_probe(values, labels, column_aucs(values, labels.unsqueeze(0))[0], 2)
    chosen = values[:, list(fit.neurons)].double()
    standard = (chosen - chosen.mean(0)) / chosen.std(0, correction=0)
    torch.testing.assert_close(fit.scores(values), standard @ fit.weights + fit.bias)
    # the minimum of the balanced logistic loss with an L2 penalty of 1: its gradient is 0
    weight = torch.where(labels, 80 / (2 * 30), 80 / (2 * 50)).double()
    error = weight * (fit.scores(values).sigmoid() - labels.double())
    assert (standard.T @ error + fit.weights).abs().max() < 1e-2 and error.sum().abs() < 1e-2


def test_the_test_side_decides_nothing_about_the_probe(planted):
    """Labels of the test texts are turned round: the probe is the same, and as wrong as it was right."""
    model, texts = planted
    probe = sparse_probe(model, texts, {WORD})
    tested = set(probe.texts.tolist())
    labels = [[(word == WORD) != (i in tested) for word in text.split()] for i, text in enumerate(texts)]
    turned = sparse_probe_on_the_same_sides(model, texts, labels, probe)
    assert turned.neurons == probe.neurons and turned.weights == probe.weights
    assert turned.threshold == probe.threshold and torch.equal(turned.train_auc, probe.train_auc)
    assert turned.auc == 0.0 and turned.f1 == 0.0


def sparse_probe_on_the_same_sides(model, texts, labels, probe):
    """The probe of some labels, with its split taken from another probe."""
    tested = torch.tensor(sorted(set(probe.texts.tolist())))
    scope = sparse_probe.__globals__

    def split(samples, share, seed):
        side = torch.isin(samples.texts, tested)
        return samples.where(~side), samples.where(side)

    kept = scope["split_by_text"]
    try:
        scope["split_by_text"] = split
        return sparse_probe(model, texts, labels)
    finally:
        scope["split_by_text"] = kept


def test_a_probe_is_the_same_twice_and_another_with_another_seed(planted):
    first, again, other = (sparse_probe(*planted, {WORD, "film"}, seed=seed) for seed in (0, 0, 1))
    assert first.to_dict() == again.to_dict() and first.to_dict() != other.to_dict()
    assert set(first.texts.tolist()) != set(other.texts.tolist())


def test_to_dict_is_json_and_holds_all_figures(planted):
    probe = sparse_probe(*planted, {WORD})
    values = json.loads(json.dumps(probe.to_dict(), allow_nan=False))
    assert values == probe.to_dict()
    tensors = {"train_auc", "scores", "labels", "texts"}
    assert {field.name for field in dataclasses.fields(Probe)} - tensors <= set(values)
    assert values["n_positive_test"] == probe.n_positive_test and values["f1_above_null"] == probe.f1_above_null
    with pytest.raises(dataclasses.FrozenInstanceError):
        probe.f1 = 0.0


# ---- samples


def test_no_text_stands_on_both_sides_and_both_sides_have_their_share():
    g = torch.Generator().manual_seed(0)
    texts = torch.arange(100).repeat_interleave(5)
    labels = (torch.arange(500) % 5 == 0) & (texts < 20)
    order = torch.randperm(500, generator=g)
    samples = Samples(torch.randn(500, 3, generator=g), labels[order], texts[order])
    train, test = split_by_text(samples, 0.3, seed=0)
    assert not set(train.texts.tolist()) & set(test.texts.tolist())
    assert len(train.labels) + len(test.labels) == 500
    assert len(test.texts.unique()) == 30 and int(test.labels.sum()) == 6
    again = split_by_text(samples.where(torch.arange(500).flip(0)), 0.3, seed=0)[1]
    assert set(again.texts.tolist()) == set(test.texts.tolist())
    assert set(split_by_text(samples, 0.3, seed=1)[1].texts.tolist()) != set(test.texts.tolist())


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_each_side_gets_a_text_of_each_kind_whatever_the_share(share):
    samples = Samples(torch.zeros(8, 1), torch.arange(8) < 4, torch.arange(8))
    for side in split_by_text(samples, share, seed=0):
        assert 0 < side.labels.sum() < len(side.labels)


def test_shuffles_keep_the_counts():
    labels = torch.arange(50) < 12
    found = with_shuffles(labels, 6, torch.Generator().manual_seed(0))
    assert torch.equal(found[0], labels) and (found.sum(1) == 12).all()
    assert len(found.unique(dim=0)) == 7


# ---- bad input


def test_positives_of_one_text_cannot_be_split(planted):
    model, _ = planted
    texts = ["film film film film film a", *["the plot is long"] * 9]
    with pytest.raises(DataError, match="The 10 texts, 1 of them with the concept, cannot be parted into two sides"):
        sparse_probe(model, texts, {"film"})


def test_a_layer_whose_neurons_are_all_dead_cannot_be_probed(planted):
    model, texts = planted_model(40)
    with torch.no_grad():
        model.backbone.blocks[0].mlp.b_in.fill_(-100.0)
    with pytest.raises(DataError, match="No neuron of the layer varies"):
        sparse_probe(model, texts, {WORD})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k must be a whole number, from 1 to 4; got 0"),
        ({"k": 5}, "k must be a whole number, from 1 to 4; got 5"),
        ({"k": True}, "k must be a whole number"),
        ({"layer": 1}, "no layer 1"),
        ({"max_samples": 3}, "max_samples must be a whole number, at least 16; got 3"),
        ({"test_share": 1.0}, "test_share must be a number, from 0.01 to 0.99"),
        ({"n_shuffles": 0}, "n_shuffles must be a whole number, at least 1"),
    ],
)
def test_settings_without_meaning_are_errors(planted, arguments, message):
    with pytest.raises(ConfigError, match=message):
        sparse_probe(*planted, {WORD}, **arguments)


def test_intervals_are_nan_where_too_few_resamples_have_both_kinds(planted):
    model, _ = planted
    texts = [*[f"{WORD} film"] * 4, *["a the and"] * 3]
    probe = sparse_probe(model, texts, {WORD}, test_share=0.01)
    assert probe.n_resamples < 500 and len(set(probe.texts.tolist())) == 2
    assert not math.isnan(probe.f1)
