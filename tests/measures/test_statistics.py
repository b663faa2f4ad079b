"""Measurements of a layer: nothing above chance where there is nothing, and planted neurons ranked right."""

from __future__ import annotations

import math

import pytest
import torch
from datasets import Dataset, IterableDataset

from safr_lens.activations import stream
from safr_lens.errors import ConfigError, DataError
from safr_lens.measures.entries.monosemanticity import meaning_scores
from safr_lens.measures.entries.selectivity import class_scores, token_scores
from safr_lens.measures.measurement import Inputs
from safr_lens.measures.nulls import shuffled
from safr_lens.measures.registry import MEASURES, measurements
from safr_lens.measures.statistics import NeuronStatistics, collect_statistics
from safr_lens.measures.streams.activity import NeuronActivity
from safr_lens.measures.streams.class_means import ClassActivations
from safr_lens.measures.streams.text_figures import TextFigureStream
from safr_lens.measures.streams.type_means import TypeActivations
from tests.neurons.planted import DEAD, MONOSEMANTIC, POLYSEMANTIC, RANDOM, VOCABULARY, WORD, WORDS, planted_model


def labelled(texts):
    return [{"text": text, "label": i % 2} for i, text in enumerate(texts)]


def of_tensors(neurons, tokens, lengths, labels, *, seed=0, n_groups=8) -> NeuronStatistics:
    """The statistics of activations that no model made."""
    n_texts, n_tokens = len(lengths), len(tokens)
    counts = torch.bincount(tokens)
    groups = shuffled(torch.arange(n_texts), n_texts, seed=seed) % n_groups
    rows = torch.arange(n_texts).repeat_interleave(lengths)
    activity = NeuronActivity(neurons.shape[1])
    activity.update(neurons)
    types = TypeActivations(counts, neurons.shape[1], n_groups=n_groups, seed=seed)
    types.update(neurons, tokens, torch.arange(n_tokens), groups[rows])
    classes = ClassActivations(labels, 2, neurons.shape[1], n_groups=n_groups, seed=seed)
    sums = torch.zeros(n_texts, neurons.shape[1]).index_add_(0, rows, neurons)
    classes.update(sums, lengths, torch.arange(n_texts), groups)
    texts = TextFigureStream()
    texts.update(neurons, lengths, torch.arange(n_texts), torch.zeros(n_texts, 2), labels)
    return NeuronStatistics(
        layer=0,
        corpus=None,
        activity=activity.result(),
        types=types.result(),
        classes=classes.result(),
        texts=texts.result(),
        ranks=None,
        ablation=None,
    )


@pytest.mark.parametrize("rate", [0.01, 0.1, 0.5])
def test_random_neurons_are_at_their_null_whatever_their_firing_rate(rate):
    g = torch.Generator().manual_seed(1)
    lengths = torch.randint(5, 30, (300,), generator=g)
    n = int(lengths.sum())
    tokens = (torch.rand(n, generator=g).square() * 100).long()  # some types are frequent, some rare
    neurons = torch.rand(n, 200, generator=g) * (torch.rand(n, 200, generator=g) < rate)
    embeddings = torch.randn(100, 20, generator=g) + 0.5  # not centred: chance alone gives a high score
    labels = torch.randint(2, (300,), generator=g)
    found = measurements(Inputs(of_tensors(neurons, tokens, lengths, labels), embeddings))
    for name in ("token_selectivity", "class_selectivity", "monosemanticity"):
        low, high = found[name].above.interval()
        assert low <= 0 <= high, name
        assert found[name].estimate.value > 5 * (high - low) / 2, f"{name}: chance alone gives this much"


@pytest.fixture(scope="module")
def planted():
    """The planted neurons' scores, with word vectors in which the polysemantic neuron's words are unrelated."""
    model, texts = planted_model()
    found = collect_statistics(model, labelled(texts))
    g = torch.Generator().manual_seed(0)
    vectors = torch.randn(model.tokenizer.d_vocab, 50, generator=g)
    return model, texts, found, vectors


def test_planted_neurons_fire_as_planted(planted):
    _, texts, found, _ = planted
    words = [word for text in texts for word in text.split()]
    rates = found.activity.firing_rate
    assert rates[MONOSEMANTIC].item() == pytest.approx(words.count(WORD) / len(words))
    assert rates[POLYSEMANTIC].item() == pytest.approx(sum(word in WORDS for word in words) / len(words))
    assert found.activity.alive.tolist() == [True, True, False, True]


def test_token_selectivity_ranks_planted_neurons(planted):
    scores = token_scores(Inputs(planted[2]))(None)
    above = scores.above
    assert scores.values[MONOSEMANTIC] == pytest.approx(1.0)
    assert above[MONOSEMANTIC] > above[POLYSEMANTIC] > above[RANDOM] > 0.05
    assert above[DEAD].isnan() and scores.values[DEAD].isnan()
    # four words alike of twenty
    assert scores.values[POLYSEMANTIC].item() == pytest.approx(1 - math.log(4) / math.log(len(VOCABULARY)), abs=1e-3)


def test_the_monosemanticity_score_knows_related_words_from_unrelated_ones(planted):
    model, _, found, vectors = planted
    unrelated = meaning_scores(Inputs(found, vectors))(None)
    alike = vectors.clone()
    ids = [model.tokenizer.tokenizer.token_to_id(word) for word in WORDS]
    alike[ids] = vectors[ids[0]] + 0.1 * vectors[ids]
    related = meaning_scores(Inputs(found, alike))(None)
    assert abs(unrelated.above[POLYSEMANTIC]) < 0.15 and related.above[POLYSEMANTIC] > 0.8
    assert related.values[MONOSEMANTIC].isnan(), "a single word has no pairs"
    assert related.values[DEAD].isnan()


def test_labels_that_follow_a_word_make_its_neuron_class_selective():
    model, texts = planted_model()
    rows = [{"text": text, "label": int(WORD in text.split())} for text in texts]
    scores = class_scores(Inputs(collect_statistics(model, rows)))(None)
    assert scores.values[MONOSEMANTIC] == pytest.approx(1.0)
    assert scores.above[MONOSEMANTIC] > 0.5 > scores.above[POLYSEMANTIC]
    assert scores.values[DEAD].isnan()


def test_undefined_neurons_are_counted_not_averaged(planted):
    found = measurements(Inputs(planted[2], planted[3]))
    scores = token_scores(Inputs(planted[2]))(None)
    assert found["token_selectivity"].estimate.value == pytest.approx(scores.values.nanmean().item())
    assert found["token_selectivity"].n_undefined == 0, "the dead neuron is not alive"
    assert found["monosemanticity"].n_undefined == 1, "the neuron of one word is alive and undefined"


def test_every_measurement_is_registered_and_json_has_no_nan(planted):
    found = measurements(Inputs(planted[2], planted[3]))
    assert set(found) <= set(MEASURES)
    for measurement in found.values():
        for value in measurement.to_dict().values():
            assert not (isinstance(value, float) and math.isnan(value))


# ---- one pass


def same(first: NeuronStatistics, second: NeuronStatistics) -> None:
    torch.testing.assert_close(first.types.sums, second.types.sums, atol=1e-5, rtol=1e-6)
    assert torch.equal(first.types.sizes, second.types.sizes)
    torch.testing.assert_close(first.classes.sums, second.classes.sums, atol=1e-5, rtol=1e-6)
    for name in first.texts.columns:
        torch.testing.assert_close(first.texts.columns[name], second.texts.columns[name], atol=1e-5, rtol=1e-6)
    for name in ("mean", "max", "firing_rate", "lifetime_sparsity"):
        torch.testing.assert_close(
            getattr(first.activity, name), getattr(second.activity, name), atol=1e-6, rtol=1e-5, equal_nan=True
        )
    torch.testing.assert_close(first.ablation.loss_gained, second.ablation.loss_gained, atol=1e-6, rtol=1e-4)


@pytest.fixture
def rows(texts):
    return labelled([*texts, *texts, *texts])


@pytest.mark.parametrize("batch_size", [1, 5])
def test_batches_and_padding_do_not_matter(make_model, rows, monkeypatch, batch_size):
    model = make_model()
    whole = collect_statistics(model, rows)
    monkeypatch.setattr(stream, "BATCH_SIZE", batch_size)
    same(whole, collect_statistics(model, rows))


def test_data_sets_and_streams_give_what_a_list_gives(make_model, rows):
    model = make_model()
    whole = collect_statistics(model, rows)
    same(whole, collect_statistics(model, Dataset.from_list(rows)))
    same(whole, collect_statistics(model, Dataset.from_list(rows).to_iterable_dataset()))
    assert isinstance(Dataset.from_list(rows).to_iterable_dataset(), IterableDataset)


def test_the_order_of_the_texts_changes_no_mean(make_model, rows):
    model = make_model()
    first, second = (collect_statistics(model, data) for data in (rows, rows[::-1]))
    torch.testing.assert_close(first.types.means().means, second.types.means().means, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(first.classes.means()[0], second.classes.means()[0], atol=1e-5, rtol=1e-5)


def test_scaling_a_models_neurons_changes_no_selectivity(make_model, rows):
    model = make_model()
    before = collect_statistics(model, rows)
    with torch.no_grad():
        model.backbone.blocks[0].mlp.W_in.mul_(3.0)
        model.backbone.blocks[0].mlp.b_in.mul_(3.0)
    after = collect_statistics(model, rows)
    for scorer in (token_scores, class_scores):
        torch.testing.assert_close(
            scorer(Inputs(before))(None).values,
            scorer(Inputs(after))(None).values,
            atol=1e-5,
            rtol=1e-4,
            equal_nan=True,
        )
    torch.testing.assert_close(before.texts.columns["capacity"], after.texts.columns["capacity"], atol=1e-4, rtol=1e-4)


def test_the_first_layer_has_no_ablation_effects(make_model, rows):
    model = make_model(n_layers=2)
    assert collect_statistics(model, rows, layer=0).ablation is None
    assert collect_statistics(model, rows, layer=-1).ablation is not None


def test_progress_ends_with_all_texts(make_model, rows):
    seen = []
    collect_statistics(make_model(), rows, on_texts=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (18, 18)


@pytest.mark.parametrize("layer", [1, -2, True, 0.0, "0"])
def test_a_layer_that_is_not_there_is_an_error(make_model, rows, layer):
    with pytest.raises(ConfigError, match=r"has no layer|is a whole number"):
        collect_statistics(make_model(), rows, layer=layer)


def test_bad_data_is_an_error(make_model, rows):
    with pytest.raises(DataError, match="no texts"):
        collect_statistics(make_model(), [])
    with pytest.raises(DataError, match="only once"):
        collect_statistics(make_model(), iter(rows))
    with pytest.raises(DataError, match="knows 2 classes"):
        collect_statistics(make_model(), [{"text": "a film", "label": 2}])
