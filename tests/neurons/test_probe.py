"""Sparse probes: what they find where it was planted, and what they make of every form of labels."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics

from safr_lens import train_tokenizer
from safr_lens.activations import stream_activations
from safr_lens.errors import ConfigError, DataError
from safr_lens.neurons import Probe, sparse_probe
from safr_lens.neurons.concept import Samples, concept_samples, labeller_of
from safr_lens.neurons.probe import fit_probe, split_by_text, with_shuffles
from safr_lens.neurons.scores import bootstrap, column_aucs
from tests.neurons.planted import DEAD, MONOSEMANTIC, POLYSEMANTIC, RANDOM, WORD, WORDS, planted_model

NEURONS = "blocks.0.mlp.hook_post"


@pytest.fixture(scope="module")
def planted():
    return planted_model(300)


def samples_of(model, data, concept, *, max_samples=10_000, seed=0, layer=0):
    labeller = labeller_of(model, concept)
    return concept_samples(model, data, labeller, layer=layer, max_samples=max_samples, seed=seed)


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


def test_every_form_of_a_token_concept_gives_the_same_samples(planted):
    model, texts = planted
    flags = [[word == WORD for word in text.split()] for text in texts]
    forms = [
        {WORD},
        frozenset([WORD.upper()]),
        lambda word: word == WORD,
        flags,
        [tuple(map(int, row)) for row in flags],
        [torch.tensor(row) for row in flags],
        [np.array(row) for row in flags],
    ]
    found = [samples_of(model, texts, form) for form in forms]
    for samples in found:
        assert torch.equal(samples.labels, found[0].labels) and torch.equal(samples.texts, found[0].texts)
        assert torch.equal(samples.neurons, found[0].neurons)
    assert len(found[0].labels) == sum(len(text.split()) for text in texts)
    assert torch.equal(found[0].neurons[:, MONOSEMANTIC] > 0, found[0].labels)


def test_every_form_of_a_text_concept_gives_the_same_samples(planted):
    model, texts = planted
    flags = [WORD in text.split() for text in texts]
    forms = [
        flags,
        list(map(int, flags)),
        torch.tensor(flags),
        np.array(flags),
        pd.Series(flags),
        tuple(np.array(flags)),
    ]
    found = [samples_of(model, texts, form) for form in forms]
    for samples in found:
        assert torch.equal(samples.labels, found[0].labels) and torch.equal(samples.texts, found[0].texts)
    assert sorted(found[0].texts.tolist()) == list(range(len(texts)))
    with torch.no_grad():
        expected = [model(texts[i], capture=[NEURONS]).activations[NEURONS][0].mean(0) for i in found[0].texts]
    torch.testing.assert_close(found[0].neurons, torch.stack(expected), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("concept", "n_positive"), [({WORD}, None), (set(WORDS), 50), (lambda word: word != WORD, 50)])
def test_positives_are_kept_up_to_half_and_others_fill_up(planted, concept, n_positive):
    samples = samples_of(*planted, concept, max_samples=100 if n_positive else 400)
    every = samples_of(*planted, concept)
    expected = n_positive or int(every.labels.sum())
    assert int(samples.labels.sum()) == expected and len(samples.labels) == (100 if n_positive else 400)


def test_another_seed_keeps_other_texts(planted):
    model, texts = planted
    first, other = (samples_of(model, texts, [WORD in text for text in texts], max_samples=60, seed=s) for s in (0, 1))
    assert set(first.texts.tolist()) != set(other.texts.tolist())


@pytest.mark.parametrize("max_positions", [1, 60, 500])
def test_samples_do_not_depend_on_batches(planted, monkeypatch, max_positions):
    expected = samples_of(*planted, set(WORDS), max_samples=90)
    monkeypatch.setitem(
        concept_samples.__globals__,
        "stream_activations",
        lambda *a: stream_activations(*a, max_positions=max_positions),
    )
    found = samples_of(*planted, set(WORDS), max_samples=90)
    assert torch.equal(found.texts, expected.texts)
    torch.testing.assert_close(found.neurons, expected.neurons, atol=1e-6, rtol=2e-5)
    other = samples_of(*planted, set(WORDS), max_samples=90, seed=1)
    assert not torch.equal(found.texts, other.texts)


def test_streams_and_cut_texts(make_model):
    model = make_model(n_ctx=4)
    texts = ["a dull film is warm and funny", "the film is boring", "dull", "a funny story"] * 5
    for cut in (4, 100):
        labels = [[token == "film" for token in text.split()[:cut]] for text in texts]
        samples = samples_of(model, iter(texts), labels)
        assert len(samples.labels) == 60 and int(samples.labels.sum()) == 10


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


def test_labels_that_do_not_fit_the_data_are_errors(planted):
    model, texts = planted
    flags = [WORD in text for text in texts]
    for data in (texts, iter(texts)):
        with pytest.raises(DataError, match="concept_labels has 299 entries, but the data has 300 texts"):
            sparse_probe(model, data, flags[:-1])
    with pytest.raises(DataError, match="concept_labels has 300 entries, but the data has 5 texts"):
        sparse_probe(model, iter(texts[:5]), flags)
    per_token = [[False] * len(text.split()) for text in texts]
    per_token[7] = [*per_token[7], True]
    n = len(per_token[7])
    with pytest.raises(DataError, match=f"concept_labels has {n} labels for text 7, which has {n - 1} tokens"):
        sparse_probe(model, texts, per_token)
    with pytest.raises(DataError, match="299 entries, but the data has 300"):
        sparse_probe(model, iter(texts), [[False] * len(text.split()) for text in texts[:-1]])


@pytest.mark.parametrize(
    ("flags", "where"),
    [
        ([0, 2, 1], "got 2 at entry 1"),
        ([True, None], "got None at entry 1"),
        ([0.5], "got 0.5"),
        (["yes"], "got 'yes'"),
    ],
)
def test_labels_that_are_neither_true_nor_false_are_errors(planted, flags, where):
    with pytest.raises(DataError, match=where):
        sparse_probe(*planted, flags)


def test_a_token_label_that_is_neither_is_an_error(planted):
    with pytest.raises(DataError, match="got 3 at token 1 of text 0"):
        sparse_probe(*planted, [[0, 3]])


@pytest.mark.parametrize("concept", [None, 3, WORD, {WORD: True}])
def test_an_unknown_form_of_labels_is_an_error(planted, concept):
    with pytest.raises(ConfigError, match="concept_labels is one bool a text, one sequence of bools a text, a set of"):
        sparse_probe(*planted, concept)


def test_too_few_samples_of_a_kind_are_an_error(planted):
    model, texts = planted
    with pytest.raises(DataError, match=r"Only 0 of \d+ tokens are with the concept; a probe needs at least 4"):
        sparse_probe(model, texts, {"zygotes"})
    with pytest.raises(DataError, match="Only 3 of 300 texts are with the concept"):
        sparse_probe(model, texts, [i < 3 for i in range(300)])
    with pytest.raises(DataError, match="Only 2 of 300 texts are without the concept"):
        sparse_probe(model, texts, [i >= 2 for i in range(300)])


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


def test_bpe_pieces_are_labelled_by_their_vocabulary_entries(make_model, texts):
    tokenizer = train_tokenizer(texts, kind="bpe", min_frequency=1, max_vocab=40)
    model = make_model()
    words = {tokenizer.word(i) for i in range(tokenizer.d_vocab)}
    seen = set()
    model.tokenizer = tokenizer
    labeller_of(model, lambda word: seen.add(word) is None and False)
    assert seen == {word.lower() for word in words}
    model.tokenizer = train_tokenizer(texts, min_frequency=1)
