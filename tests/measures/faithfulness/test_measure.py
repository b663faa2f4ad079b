"""Faithfulness of scores, on models whose right ranking is known and on any others."""

from __future__ import annotations

import dataclasses
import functools
import json
import math

import pytest
import torch
from datasets import Dataset

from safr_lens import HookedClassifier
from safr_lens.errors import ConfigError, DataError
from safr_lens.measures.faithfulness import (
    aopc_bounds,
    evidence_scores,
    faithfulness,
    importance_scores,
    measure,
)
from safr_lens.measures.faithfulness.deletion import OPERATORS, Variants, probabilities
from safr_lens.measures.faithfulness.formulas import BINS
from safr_lens.measures.faithfulness.rankings import drawn_order, ranked
from safr_lens.models.output import ClassifierOutput
from tests.reference import slow_faithfulness as slow

NAN = float("nan")

PER_TEXT = ("comprehensiveness", "sufficiency", "aopc", "naopc")


def random(*shape, seed):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def rows(texts):
    return [{"text": text, "label": 0} for text in texts]


class Planted(HookedClassifier):
    """Each word adds its weight to the margin of class 1, whatever stands beside it."""

    weights: torch.Tensor
    scores: torch.Tensor

    def forward(self, input, mask=None, **kwargs):
        margins = (self.weights[input] * mask).sum(1)
        logits = torch.stack([torch.zeros_like(margins), margins], 1)
        return ClassifierOutput(logits, torch.zeros(*input.shape, 2), self.scores[input] * mask, mask)


@pytest.fixture
def planted(tokenizer, tiny_config):
    """A factory of planted models with a positive weight for each word, drawn unless given."""

    def make(**weights):
        model = Planted.from_config(tiny_config(), tokenizer=tokenizer, labels=["no", "yes"])
        model.weights = 0.05 + random(tokenizer.d_vocab, seed=3)
        for word, weight in weights.items():
            model.weights[tokenizer.tokenizer.token_to_id(word)] = weight
        model.scores = model.weights
        return model

    return make


DISTINCT = ("a gripping funny film", "the acting is warm and moving", "it never ends", "boring film")


def test_all_measures_of_one_text_by_hand(planted):
    model = planted(gripping=2.0, funny=1.0, film=0.5)
    found = faithfulness(model, rows(["funny gripping film"]), bins=(0.3, 0.6))
    p = {0.0: 0.5, 0.5: 0.6224593, 1.5: 0.8175745, 2.0: 0.8807971, 3.0: 0.9525741, 3.5: 0.9706878}  # 1 / (1 + e^-x)
    # one word is "gripping", two are "gripping funny"
    without = [p[3.5] - p[1.5], p[3.5] - p[0.5]]
    only = [p[3.5] - p[2.0], p[3.5] - p[3.0]]
    assert found.tested.comprehensiveness.item() == pytest.approx(sum(without) / 2, abs=1e-6)
    assert found.tested.sufficiency.item() == pytest.approx(sum(only) / 2, abs=1e-6)
    best = (p[3.5] - p[1.5] + p[3.5] - p[0.5] + p[3.5] - p[0.0]) / 3
    worst = (p[3.5] - p[3.0] + p[3.5] - p[2.0] + p[3.5] - p[0.0]) / 3
    assert found.full.item() == pytest.approx(p[3.5], abs=1e-6)
    assert found.tested.aopc.item() == found.upper.item() == pytest.approx(best, abs=1e-6)
    assert found.lower.item() == pytest.approx(worst, abs=1e-6)
    assert found.tested.naopc.item() == pytest.approx(1.0) and found.exact.tolist() == [True]


def test_the_true_ranking_is_best_its_inverse_worst_and_random_between(planted):
    model = planted()
    true = faithfulness(model, rows(DISTINCT))
    model.scores = -model.weights
    inverse = faithfulness(model, rows(DISTINCT))
    assert true.tested.naopc.tolist() == pytest.approx([1.0] * 4)
    assert inverse.tested.naopc.tolist() == pytest.approx([0.0] * 4, abs=1e-9)
    for found in (true, inverse):
        assert all(0 < value < 1 for value in found.random.naopc.tolist()[:3])
    for higher in ("comprehensiveness", "aopc", "naopc"):
        assert true.tested.mean(higher) > true.random.mean(higher) > inverse.tested.mean(higher)
    assert true.tested.mean("sufficiency") < true.random.mean("sufficiency") < inverse.tested.mean("sufficiency")


def test_scores_named_random_are_as_good_as_random_rankings(planted):
    model = planted()
    for seed in range(3):
        found = faithfulness(model, rows(DISTINCT), scores="random", seed=seed)
        assert found.scores == "random"
        assert all(-1e-9 <= value <= 1 + 1e-9 for value in found.tested.naopc.tolist())
        assert (found.tested.aopc != found.random.aopc).any()
    drawn = {"scores": "random", "n_random": 1, "naopc_texts": 0}
    means = [faithfulness(model, rows(DISTINCT), seed=seed, **drawn).tested.mean("aopc") for seed in range(40)]
    expected = faithfulness(model, rows(DISTINCT), n_random=200, naopc_texts=0).random.mean("aopc")
    # 4 standard errors
    assert sum(means) / 40 == pytest.approx(expected, abs=4 * torch.tensor(means).std().item() / math.sqrt(40))


def test_random_values_are_the_mean_of_the_drawn_orders(planted, tokenizer):
    model = planted()
    found = faithfulness(model, rows(DISTINCT), n_random=3, seed=11)
    for row, text in enumerate(DISTINCT):
        tokens = model.to_tokens(text)[0][0]

        def probability(deleted, tokens=tokens):
            margin = sum(model.weights[token].item() for i, token in enumerate(tokens) if i not in deleted)
            return 1 / (1 + math.exp(-margin))

        orders = [drawn_order(tokens, seed=11, draw=draw).tolist() for draw in (1, 2, 3)]
        values = [slow.measures(probability, len(tokens), order, BINS) for order in orders]
        for name, expected in zip(PER_TEXT, zip(*values, strict=True), strict=False):
            assert getattr(found.random, name)[row].item() == pytest.approx(sum(expected) / 3, abs=1e-6)


def probability_without(model, text, operator):
    """A function: what the predicted class has once a set of positions is deleted."""
    full = slow.probabilities_without(model, text, frozenset(), operator)
    predicted = full.index(max(full))
    return functools.cache(lambda deleted: slow.probabilities_without(model, text, deleted, operator)[predicted])


@pytest.mark.parametrize("operator", OPERATORS)
def test_measures_of_a_model_equal_slow_loops(model, texts, operator):
    texts = [texts[0], texts[1], texts[3], texts[4]]
    found = faithfulness(model, rows(texts), operator=operator, n_random=1, bins=(0.2, 0.5), naopc_texts=0)
    for row, text in enumerate(texts):
        tokens, mask = model.to_tokens(text)
        probability = probability_without(model, text, operator)
        order = ranked(importance_scores(model, tokens, mask)[0], drawn_order(tokens[0], seed=0, draw=0)).tolist()
        expected = slow.measures(probability, len(order), order, (0.2, 0.5))
        for name, value in zip(PER_TEXT, expected, strict=False):
            assert getattr(found.tested, name)[row].item() == pytest.approx(value, abs=1e-5)


@pytest.mark.parametrize("operator", OPERATORS)
def test_naopc_of_a_model_equals_all_orders(model, texts, operator):
    short = [text for text in texts if 1 < len(model.to_str_tokens(text)) <= 5]
    found = faithfulness(model, rows(short), operator=operator)
    assert len(short) == 2
    for row, text in enumerate(short):
        probability = probability_without(model, text, operator)
        full = found.full[row].item()
        n_tokens = len(model.to_str_tokens(text))
        worst, best = slow.worst_and_best_aopc(lambda gone, p=probability, full=full: full - p(gone), n_tokens)
        assert (found.lower[row].item(), found.upper[row].item()) == pytest.approx((worst, best), abs=1e-5)
        expected = (found.tested.aopc[row].item() - worst) / (best - worst)
        assert found.tested.naopc[row].item() == pytest.approx(expected, abs=1e-3)


def same_values(found, expected, order=slice(None)):
    for kind in ("tested", "random"):
        for name in PER_TEXT:
            one, other = getattr(getattr(found, kind), name), getattr(getattr(expected, kind), name)
            torch.testing.assert_close(
                one, other[order], atol=1e-4 if name == "naopc" else 1e-5, rtol=0, equal_nan=True
            )


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_text_alone_and_among_others_has_the_same_values(make_model, texts, operator):
    model, texts = make_model(), texts[:3]
    together = faithfulness(model, rows(texts), operator=operator)
    for row, text in enumerate(texts):
        same_values(faithfulness(model, rows([text]), operator=operator), together, slice(row, row + 1))


def test_the_order_of_the_texts_is_that_of_the_values(make_model, texts):
    model, order = make_model(), [4, 2, 0, 5, 1, 3]
    found = faithfulness(model, rows([texts[i] for i in order]))
    same_values(found, faithfulness(model, rows(texts)), order)
    assert found.exact.all()


def test_how_many_texts_go_through_at_once_does_not_matter(make_model, texts, monkeypatch):
    model = make_model()
    expected = faithfulness(model, rows(texts), naopc_texts=2)
    monkeypatch.setattr(measure, "TEXTS_AT_ONCE", 1)
    same_values(faithfulness(model, rows(texts), naopc_texts=2), expected)


def test_a_beam_on_a_model_is_mostly_exact(make_model, texts):
    model = make_model()
    exact, equal = faithfulness(model, rows(texts)), 0
    for row, text in enumerate(texts):
        tokens = model.to_tokens(text)[0][0]

        def drops(sets, tokens=tokens, full=exact.full[row].item()):
            kept = torch.tensor([[i not in gone for i in range(len(tokens))] for gone in sets])
            predicted = int(model(tokens.unsqueeze(0)).logits.argmax())
            return (full - probabilities(model, [Variants(tokens, kept)], operator="remove")[0][:, predicted]).tolist()

        found = aopc_bounds(drops, len(tokens), exact_up_to=0)
        assert exact.lower[row] - 1e-5 <= found.lower <= found.upper <= exact.upper[row] + 1e-5
        equal += abs(found.upper - exact.upper[row]) < 1e-5 and abs(found.lower - exact.lower[row]) < 1e-5
    assert equal >= 4


def test_a_wider_beam_finds_wider_bounds_of_a_long_text(make_model):
    model, text = make_model(), "the acting is warm and the story is a gripping , funny film"
    narrow, wide = (faithfulness(model, rows([text]), beam=beam) for beam in (1, 6))
    assert wide.lower <= narrow.lower < narrow.upper < wide.upper
    assert narrow.exact.tolist() == wide.exact.tolist() == [False]


def test_values_outside_the_bounds_of_a_beam_are_counted(planted):
    model = planted()
    text = "the worst film of the year , a tedious bore the acting"
    found = faithfulness(model, rows([text]), beam=1)
    assert found.exact.tolist() == [False] and found.n_beyond_bounds == 0
    assert found.to_dict()["naopc"]["n_exact"] == 0
    beyond = torch.tensor([1.2, -0.1, 0.5, 1.0 + 1e-9, NAN], dtype=torch.float64)
    moved = dataclasses.replace(found, tested=dataclasses.replace(found.tested, naopc=beyond))
    assert moved.n_beyond_bounds == moved.to_dict()["naopc"]["n_beyond_bounds"] == 2


def test_undefined_values_are_nan_and_counted(make_model, texts):
    model = make_model()
    found = faithfulness(model, rows(texts))
    words = [len(model.to_tokens(text)[0][0]) for text in texts]
    assert found.tested.naopc.isnan().tolist() == [n == 1 for n in words]
    assert found.to_dict()["naopc"]["n_undefined"] == words.count(1) == 1
    assert found.tested.mean("naopc") == pytest.approx(found.tested.naopc[[n > 1 for n in words]].mean().item())
    with torch.no_grad():
        model.backbone.unembed.W_U.zero_()
        model.backbone.unembed.b_U.zero_()
    same = faithfulness(model, rows(texts))
    assert same.tested.naopc.isnan().all() and math.isnan(same.tested.mean("naopc"))
    assert same.tested.comprehensiveness.tolist() == pytest.approx([0.0] * len(texts))


def test_figures_go_into_json(make_model, texts):
    found = faithfulness(make_model(), rows(texts), bins=[0.5], n_random=2, naopc_texts=3, seed=4, beam=7)
    figures = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert figures["sufficiency"] == {
        "tested": found.tested.sufficiency.mean().item(),
        "random": found.random.sufficiency.mean().item(),
        "n_texts": 6,
        "n_undefined": 0,
    }
    assert figures["naopc"] == {
        "tested": found.tested.naopc.nanmean().item(),
        "random": found.random.naopc.nanmean().item(),
        "n_texts": 3,
        "n_undefined": 0,
        "n_exact": 3,
        "n_beyond_bounds": 0,
    }
    settings = {"scores": "importance", "operator": "remove", "bins": [0.5], "n_random": 2, "beam": 7, "seed": 4}
    assert {key: figures[key] for key in settings} == settings
    assert list(figures)[:4] == list(PER_TEXT)


def test_only_the_first_texts_are_read(make_model, texts):
    model, read = make_model(), []

    def stream():
        for row in rows(texts):
            read.append(row["text"])
            yield row

    found = faithfulness(model, stream(), max_texts=3, naopc_texts=2)
    assert read == list(texts[:3])
    assert (len(found.full), len(found.tested.aopc), len(found.random.naopc)) == (3, 3, 2)
    same_values(found, faithfulness(model, rows(texts[:3]), naopc_texts=2))


def test_rows_may_come_from_a_list_a_data_set_or_a_stream(make_model, texts):
    model, split = make_model(), Dataset.from_list(rows(texts))
    expected = faithfulness(model, rows(texts), max_texts=None, naopc_texts=2)
    same_values(faithfulness(model, split, naopc_texts=2), expected)
    same_values(faithfulness(model, split.to_iterable_dataset(), naopc_texts=2), expected)


def test_without_naopc_its_mean_is_nan(make_model, texts):
    found = faithfulness(make_model(), rows(texts), naopc_texts=0)
    assert len(found.upper) == len(found.tested.naopc) == 0
    assert math.isnan(found.to_dict()["naopc"]["tested"]) and found.to_dict()["naopc"]["n_texts"] == 0


def test_texts_that_are_cut_are_counted(make_model, texts):
    model = make_model(n_ctx=5)
    assert faithfulness(model, rows(texts)).n_cut == sum(
        len(model.tokenizer.encode(text, n_ctx=99).ids) > 5 for text in texts
    )


def test_a_model_in_training_is_measured_in_evaluation_and_put_back(make_model, texts, hooks_left):
    model = make_model()
    expected = faithfulness(model, rows(texts[:2]), operator="gate")
    model.train()
    same_values(faithfulness(model, rows(texts[:2]), operator="gate"), expected)
    assert model.training and hooks_left(model) == []


def test_hooks_around_the_measure_apply_and_stay(make_model, texts, hooks_left):
    model = make_model()
    with model.hooks(fwd_hooks=[("hook_pooled", lambda logits, hook: logits * 0)]):
        assert faithfulness(model, rows(texts), operator="gate", naopc_texts=1).full.tolist() == [0.5] * len(texts)
        assert hooks_left(model) == ["hook_pooled"]


def test_scores_may_be_a_function_that_takes_gradients(make_model, texts):
    model = make_model()

    def by_gradient(model, tokens, mask):
        assert not model.training
        embed = model(tokens, mask, capture=["hook_embed"])
        (slope,) = torch.autograd.grad(embed.logits[:, 0].sum(), embed.activations["hook_embed"])
        return slope.norm(dim=-1)

    found = faithfulness(model.train(), rows(texts), scores=by_gradient, naopc_texts=0)
    assert found.scores == "by_gradient" and found.tested.aopc.isfinite().all()


def test_functions_are_ranked_as_the_names_are(make_model, texts):
    model = make_model()
    scores = ("evidence", evidence_scores, "importance", importance_scores)
    found = [faithfulness(model, rows(texts), scores=each, naopc_texts=1) for each in scores]
    same_values(found[0], found[1])
    same_values(found[2], found[3])
    assert not torch.allclose(found[0].tested.comprehensiveness, found[2].tested.comprehensiveness, atol=1e-3)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (lambda model, tokens, mask: torch.zeros(len(tokens)), r"here \(1, 3\); got \(1,\)"),
        (lambda model, tokens, mask: torch.zeros(*tokens.shape, 2), r"got \(1, 3, 2\)"),
        (lambda model, tokens, mask: None, "got NoneType"),
        (lambda model, tokens, mask: torch.full(tokens.shape, NAN), "must be finite"),
        ("importanc", "Did you mean 'importance'"),
        (None, "scores must be one of"),
    ],
)
def test_scores_that_cannot_be_ranked_are_an_error(make_model, scores, message):
    with pytest.raises(ConfigError, match=message):
        faithfulness(make_model(), rows(["a dull film"]), scores=scores)


def test_what_scores_say_at_padding_does_not_matter(make_model, texts):
    model = make_model()

    def noisy(model, tokens, mask):
        return importance_scores(model, tokens, mask).masked_fill(~mask, NAN)

    expected = faithfulness(model, rows(texts), naopc_texts=2)
    same_values(faithfulness(model, rows(texts), scores=noisy, naopc_texts=2), expected)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"operator": "remov"}, "Did you mean 'remove'"),
        ({"max_texts": 0}, "max_texts must be a whole number, at least 1; got 0"),
        ({"max_texts": 2.5}, "max_texts must be a whole number"),
        ({"n_random": 0}, "n_random must be a whole number, at least 1"),
        ({"naopc_texts": -1}, "naopc_texts must be a whole number, at least 0"),
        ({"naopc_texts": None}, "naopc_texts must be a whole number"),
        ({"beam": 0}, "beam must be a whole number, at least 1"),
        ({"bins": (0.1, 1.5)}, "each of bins must be a number, from 0 to 1; got 1.5"),
        ({"bins": (0.1, 0.0)}, "each of bins must be above 0"),
        ({"bins": ()}, "bins must be shares"),
        ({"bins": 0.5}, "bins must be shares"),
        ({"bins": "0.5"}, "bins must be shares"),
    ],
)
def test_settings_without_meaning_are_an_error(make_model, setting, message):
    with pytest.raises(ConfigError, match=message):
        faithfulness(make_model(), rows(["a dull film"]), **setting)


@pytest.mark.parametrize("empty", [[], Dataset.from_dict({"text": [], "label": []})], ids=["list", "Dataset"])
def test_an_empty_split_is_an_error(make_model, empty):
    with pytest.raises(DataError, match="no texts"):
        faithfulness(make_model(), empty)


def test_the_caller_hears_of_every_step(make_model, texts, monkeypatch):
    monkeypatch.setattr(measure, "TEXTS_AT_ONCE", 4)
    heard = []
    faithfulness(make_model(), rows(texts), naopc_texts=2, on_step=lambda done, total: heard.append((done, total)))
    assert heard == [(4, 8), (6, 8), (7, 8), (8, 8)]
