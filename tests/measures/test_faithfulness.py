"""Faithfulness of scores: the formulas, the bounds, the deletions, and models whose right ranking is known."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import math

import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from safr_lens import HookedClassifier
from safr_lens.data import TextTokenizer
from safr_lens.errors import ConfigError, DataError
from safr_lens.measures.attribution import margin
from safr_lens.measures.faithfulness import (
    aopc,
    aopc_bounds,
    comprehensiveness,
    deletion,
    evidence_scores,
    faithfulness,
    importance_scores,
    measure,
    normalised_aopc,
    sufficiency,
)
from safr_lens.measures.faithfulness.deletion import OPERATORS, Variants, probabilities
from safr_lens.measures.faithfulness.formulas import BINS, bin_sizes
from safr_lens.measures.faithfulness.rankings import drawn_order, ranked
from safr_lens.models.output import ClassifierOutput
from tests.reference import slow_faithfulness as slow

few = settings(max_examples=25)
seeds = st.integers(0, 10_000)
close = {"atol": 1e-5, "rtol": 0}
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


# ---- comprehensiveness, sufficiency, aopc


def test_comprehensiveness_and_sufficiency_by_hand():
    full = torch.tensor([0.9, 0.6])
    kept = torch.tensor([[0.8, 0.6, 0.5, 0.4, 0.2], [0.6, 0.7, 0.6, 0.9, 0.7]])
    # (0.1 + 0.3 + 0.4 + 0.5 + 0.7) / 5 and (0 - 0.1 + 0 - 0.3 - 0.1) / 5
    assert comprehensiveness(full, kept).tolist() == pytest.approx([0.4, -0.1])
    assert sufficiency(full, kept).tolist() == pytest.approx([0.4, -0.1])


@few
@given(n=st.integers(1, 6), n_bins=st.integers(1, 6), seed=seeds)
def test_formulas_equal_slow_loops(n, n_bins, seed):
    full, kept = random(n, seed=seed), random(n, n_bins, seed=seed + 1)
    numbers = full.tolist(), kept.tolist()
    assert comprehensiveness(full, kept).tolist() == pytest.approx(slow.comprehensiveness(*numbers), abs=1e-6)
    assert sufficiency(full, kept).tolist() == pytest.approx(slow.sufficiency(*numbers), abs=1e-6)
    assert aopc(kept, full).tolist() == pytest.approx(slow.aopc(*numbers), abs=1e-6)


@few
@given(lengths=st.lists(st.integers(1, 7), min_size=1, max_size=5), seed=seeds)
def test_aopc_of_texts_of_different_lengths_equals_slow_loop(lengths, seed):
    full = random(len(lengths), seed=seed)
    curves = [random(n, seed=seed + i).tolist() for i, n in enumerate(lengths)]
    padded = torch.tensor([curve + [NAN] * (8 - len(curve)) for curve in curves])
    assert aopc(padded, full).tolist() == pytest.approx(slow.aopc(full.tolist(), curves), abs=1e-6)


@few
@given(seed=seeds)
def test_formulas_follow_the_order_of_texts_and_ignore_that_of_bins(seed):
    full, kept = random(6, seed=seed), random(6, 4, seed=seed + 1)
    g = torch.Generator().manual_seed(seed)
    texts, bins = torch.randperm(6, generator=g), torch.randperm(4, generator=g)
    for measure_of in (comprehensiveness, sufficiency, lambda full, kept: aopc(kept, full)):
        found = measure_of(full[texts], kept[texts][:, bins])
        torch.testing.assert_close(found, measure_of(full, kept)[texts])
        assert found.abs().max() <= 1


def test_a_nan_is_never_averaged_away():
    full = torch.tensor([0.5, 0.5, 0.5, 0.5])
    kept = torch.tensor([[0.1, NAN], [0.1, 0.3], [NAN, 0.3], [NAN, NAN]])
    assert comprehensiveness(full, kept).isnan().tolist() == [True, False, True, True]
    assert sufficiency(full, kept).isnan().tolist() == [True, False, True, True]
    # behind the last step NaN is padding; ahead of a step it is not
    assert aopc(kept, full).tolist() == pytest.approx([0.4, 0.3, NAN, NAN], nan_ok=True)
    assert aopc(kept, torch.tensor([NAN, 0.5, 0.5, 0.5]))[0].isnan()


def test_impossible_shapes_are_an_error():
    for measure_of in (comprehensiveness, sufficiency, lambda full, kept: aopc(kept, full)):
        with pytest.raises(ValueError, match=r"one row a text; got shapes \(2,\) and \(3, 1\)"):
            measure_of(torch.ones(2), torch.ones(3, 1))
        with pytest.raises(ValueError, match=r"got shapes \(2, 1\)"):
            measure_of(torch.ones(2, 1), torch.ones(2, 1))
    with pytest.raises(ValueError, match="sufficiency needs at least one bin"):
        sufficiency(torch.ones(2), torch.ones(2, 0))


def test_bins_are_rounded_up():
    assert bin_sizes(1, BINS) == [1, 1, 1, 1, 1]
    assert bin_sizes(20, BINS) == [1, 1, 2, 4, 10]
    assert bin_sizes(101, BINS) == [2, 6, 11, 21, 51]
    shares = tuple(k / 100 for k in range(1, 101))
    for n in range(1, 129):
        assert bin_sizes(n, shares) == [slow.bin_size(n, share) for share in shares]


# ---- bounds of AOPC


def set_function(n, seed):
    """A number in [0, 1] for each set of positions."""
    values = random(2**n, seed=seed).tolist()
    return lambda deleted: values[sum(1 << position for position in deleted)]


def of_sets(drop):
    return lambda sets: [drop(deleted) for deleted in sets]


@few
@given(n=st.integers(1, 5), seed=seeds)
def test_exact_bounds_equal_all_orders(n, seed):
    drop = set_function(n, seed)
    found = aopc_bounds(of_sets(drop), n)
    assert (found.lower, found.upper) == pytest.approx(slow.worst_and_best_aopc(drop, n))
    assert found.exact


@few
@given(n=st.integers(2, 6), beam=st.integers(1, 6), seed=seeds)
def test_a_beam_lies_within_the_exact_bounds_and_widens_with_its_width(n, beam, seed):
    drops = of_sets(set_function(n, seed))
    exact = aopc_bounds(drops, n)
    found = aopc_bounds(drops, n, beam=beam, exact_up_to=n - 1)
    assert not found.exact
    assert exact.lower - 1e-9 <= found.lower <= found.upper <= exact.upper + 1e-9
    complete = aopc_bounds(drops, n, beam=2**n, exact_up_to=0)
    assert (complete.lower, complete.upper) == pytest.approx((exact.lower, exact.upper))


@few
@given(n=st.integers(11, 14), seed=seeds)
def test_where_each_token_counts_for_itself_the_narrowest_beam_is_exact(n, seed):
    weights = random(n, seed=seed).tolist()
    found = aopc_bounds(of_sets(lambda deleted: sum(weights[i] for i in deleted)), n, beam=1)
    best = sorted(weights, reverse=True)
    upper = sum(sum(best[:k]) for k in range(1, n + 1)) / n
    lower = sum(sum(best[::-1][:k]) for k in range(1, n + 1)) / n
    assert (found.lower, found.upper, found.exact) == (pytest.approx(lower), pytest.approx(upper), False)


def test_a_beam_keeps_the_best_of_each_size_and_finds_what_greed_misses():
    # deleting 0 first is best at first sight, deleting 1 and then 2 is best in all
    drop = {(): 0.0, (0,): 0.5, (1,): 0.4, (2,): 0.0, (0, 1): 0.5, (0, 2): 0.5, (1, 2): 1.0, (0, 1, 2): 0.5}
    drops = of_sets(lambda deleted: drop[tuple(sorted(deleted))])
    assert aopc_bounds(drops, 3, beam=1).upper == pytest.approx((0.4 + 1.0 + 0.5) / 3)
    assert aopc_bounds(drops, 3, beam=2, exact_up_to=2).upper == pytest.approx((0.4 + 1.0 + 0.5) / 3)
    assert aopc_bounds(drops, 3, beam=1, exact_up_to=2).upper == pytest.approx((0.5 + 0.5 + 0.5) / 3)


def test_a_beam_is_better_than_random_orders_and_mostly_exact():
    n, equal = 7, 0
    for seed in range(20):
        drop = set_function(n, seed)
        found, exact = aopc_bounds(of_sets(drop), n, exact_up_to=0), aopc_bounds(of_sets(drop), n)
        orders = [torch.randperm(n, generator=torch.Generator().manual_seed(i)).tolist() for i in range(10)]
        at_random = [slow.aopc_of_order(drop, order) for order in orders]
        assert found.lower < min(at_random) and max(at_random) < found.upper
        equal += math.isclose(found.upper, exact.upper) and math.isclose(found.lower, exact.lower)
    assert equal >= 10


def test_no_set_is_evaluated_twice():
    asked = []

    def drops(sets):
        asked.extend(sets)
        return [0.1 * len(deleted) + 0.01 * min(deleted) for deleted in sets]

    aopc_bounds(drops, 5)
    assert len(asked) == len(set(asked)) == 2**5 - 1


def test_bounds_need_a_token_and_a_beam():
    with pytest.raises(ValueError, match="got 0 tokens"):
        aopc_bounds(lambda sets: [], 0)
    with pytest.raises(ValueError, match="beam 0"):
        aopc_bounds(lambda sets: [], 3, beam=0)


def test_normalised_aopc_is_0_at_the_worst_order_and_1_at_the_best():
    lower = torch.tensor([-0.2, 0.1, 0.3, 0.3], dtype=torch.float64)
    upper = torch.tensor([0.6, 0.2, 0.3, 0.3 + 1e-8], dtype=torch.float64)
    assert normalised_aopc(lower, lower, upper).tolist() == pytest.approx([0, 0, NAN, NAN], nan_ok=True)
    assert normalised_aopc(upper, lower, upper).tolist() == pytest.approx([1, 1, NAN, NAN], nan_ok=True)
    between = lower + 0.25 * (upper - lower)
    assert normalised_aopc(between, lower, upper)[:2].tolist() == pytest.approx([0.25, 0.25], abs=1e-6)


@few
@given(n=st.integers(2, 5), seed=seeds, factor=st.floats(0.1, 10), shift=st.floats(-1, 1))
def test_normalised_aopc_does_not_change_where_a_model_loses_a_multiple(n, seed, factor, shift):
    drop = set_function(n, seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).tolist()

    def found(drop):
        bounds = aopc_bounds(of_sets(drop), n)
        numbers = (slow.aopc_of_order(drop, order), bounds.lower, bounds.upper)
        return normalised_aopc(*(torch.tensor([number], dtype=torch.float64) for number in numbers)).item()

    assert found(lambda deleted: factor * drop(deleted) + shift) == pytest.approx(found(drop), abs=1e-6)
    assert -1e-9 <= found(drop) <= 1 + 1e-9


# ---- deletions


def by_hand(model, text, deleted, operator):
    """Class probabilities of one text without the positions ``deleted``, one forward pass."""
    ids = model.to_tokens(text)[0][0].tolist()
    gate = torch.tensor([[float(i not in deleted) for i in range(len(ids))]])
    hooks = [("hook_mask", lambda value, hook: value * gate)] if operator == "gate" else []
    if operator == "remove":
        ids = [token for i, token in enumerate(ids) if i not in deleted]
    if operator == "unk":
        ids = [1 if i in deleted else token for i, token in enumerate(ids)]
    if not ids:
        return [1 / len(model.labels)] * len(model.labels)
    tokens = torch.tensor([ids])
    with torch.no_grad(), model.hooks(fwd_hooks=hooks):
        logits = model(tokens, torch.ones_like(tokens, dtype=torch.bool)).logits[0].tolist()
    return [math.exp(logit) / sum(map(math.exp, logits)) for logit in logits]


@pytest.mark.parametrize("operator", OPERATORS)
def test_deletions_equal_one_forward_pass_each(model, texts, operator):
    variants = []
    for i, text in enumerate(texts):
        tokens = model.to_tokens(text)[0][0]
        variants.append(Variants(tokens, random(5, len(tokens), seed=i) > 0.5))
    found = probabilities(model, variants, operator=operator)
    for text, variant, values in zip(texts, variants, found, strict=True):
        for kept, value in zip(variant.kept, values, strict=True):
            deleted = (~kept).nonzero().flatten().tolist()
            assert value.tolist() == pytest.approx(by_hand(model, text, deleted, operator), abs=1e-5)


def test_operators_differ(make_model):
    model = make_model()
    tokens = model.to_tokens("a gripping , funny film")[0][0]
    variants = [Variants(tokens, torch.tensor([[True, False, True, True, False]]))]
    found = [probabilities(model, variants, operator=operator)[0][0, 0].item() for operator in OPERATORS]
    for one, other in itertools.combinations(found, 2):
        assert abs(one - other) > 1e-3


@pytest.mark.parametrize("labels", ["ab", "abc"])
def test_a_text_without_any_token_has_all_classes_alike(make_model, labels):
    model = make_model(labels=labels)
    tokens = model.to_tokens("a dull film")[0][0]
    nothing = Variants(tokens, torch.zeros(1, 3, dtype=torch.bool))
    (found,) = probabilities(model, [nothing], operator="remove")
    assert found.tolist() == [pytest.approx([1 / len(labels)] * len(labels), abs=1e-6)]
    (beside,) = probabilities(model, [Variants(tokens, torch.tensor([[True] * 3, [False] * 3]))], operator="remove")
    # two versions are one matrix product and one is another: they agree to the last digits of a probability, no further
    assert beside[1].tolist() == pytest.approx(found[0].tolist(), abs=1e-6)
    assert beside[0].tolist() == pytest.approx(model(tokens.unsqueeze(0)).probabilities[0].tolist(), abs=1e-6)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("size", [1, 7, 25])
def test_how_versions_are_split_into_batches_does_not_matter(make_model, texts, monkeypatch, operator, size):
    model = make_model()
    tokens = [model.to_tokens(text)[0][0] for text in texts]
    variants = [Variants(ids, random(6, len(ids), seed=i) > 0.4) for i, ids in enumerate(tokens)]
    together = probabilities(model, variants, operator=operator)
    monkeypatch.setattr(deletion, "TOKENS_PER_BATCH", size)
    shapes = []
    model.add_hook("hook_token_logits", lambda value, hook: shapes.append(value.shape[:2]))
    apart = probabilities(model, variants, operator=operator)
    model.reset_hooks()
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other, **close)
    assert len(shapes) > 1 and all(batch == 1 or batch * pos <= size for batch, pos in shapes)


def test_the_unknown_token_of_the_tokenizer_is_used():
    unusual = TextTokenizer(Tokenizer(models.WordLevel({"[PAD]": 0, "a": 1, "<oov>": 2}, unk_token="<oov>")))
    assert deletion.unknown_id(unusual) == 2
    with pytest.raises(ConfigError, match="choose 'remove' or 'gate'"):
        deletion.unknown_id(TextTokenizer(Tokenizer(models.BPE())))


# ---- rankings


@few
@given(n=st.integers(1, 12), seed=seeds)
def test_ranking_of_distinct_scores_is_that_of_sorting(n, seed):
    scores = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).double() / n - 0.3
    expected = sorted(range(n), key=lambda i: -scores[i])
    assert ranked(scores, torch.randperm(n, generator=torch.Generator().manual_seed(seed + 1))).tolist() == expected


def test_ties_stand_in_the_order_that_was_drawn():
    scores = torch.tensor([0.5, 0.9, 0.5, 0.1, 0.5, 0.9])
    assert ranked(scores, torch.tensor([4, 3, 5, 0, 1, 2])).tolist() == [5, 1, 4, 0, 2, 3]
    assert ranked(torch.zeros(4), torch.tensor([2, 0, 3, 1])).tolist() == [2, 0, 3, 1]


def test_what_differs_by_rounding_alone_is_a_tie_at_any_scale():
    for scale in (1e-20, 1.0, 1e20):
        scores = scale * torch.tensor([0.7, 0.7 + 1e-8, 0.2, 0.7 - 1e-8, 0.2001], dtype=torch.float64)
        assert ranked(scores, torch.tensor([2, 3, 0, 4, 1])).tolist() == [3, 0, 1, 4, 2]


def test_all_orders_are_drawn_alike():
    tokens = torch.tensor([5, 6, 7])
    counts = {order: 0 for order in itertools.permutations(range(3))}
    for draw in range(1200):
        counts[tuple(drawn_order(tokens, seed=0, draw=draw).tolist())] += 1
    # 200 each, standard deviation 13
    assert all(140 < count < 260 for count in counts.values())


def test_a_draw_depends_on_seed_number_and_tokens_alone():
    tokens = torch.arange(20)

    def drawn(tokens, seed, draw):
        return drawn_order(tokens, seed=seed, draw=draw).tolist()

    first = drawn(tokens, 0, 0)
    torch.manual_seed(7)
    assert drawn(tokens, 0, 0) == first
    for other in (drawn(tokens, 1, 0), drawn(tokens, 0, 1), drawn(tokens + 1, 0, 0)):
        assert other != first and sorted(other) == list(range(20))


@pytest.mark.parametrize("labels", ["ab", "abc"])
def test_evidence_of_tokens_is_their_share_of_the_margin(make_model, texts, labels):
    model = make_model(labels=labels)
    tokens, mask = model.to_tokens(texts)
    found = evidence_scores(model, tokens, mask)
    assert (found[~mask] == 0).all()
    for row, text in enumerate(texts):
        parts = model.decompose(text)
        expected = margin(parts.by_token(), int(parts.logits.argmax()))
        torch.testing.assert_close(found[row][mask[row]], expected, atol=1e-4, rtol=0)


# ---- models whose right ranking is known


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


# ---- any model


def probability_without(model, text, operator):
    """A function: what the predicted class has once a set of positions is deleted."""
    full = by_hand(model, text, frozenset(), operator)
    predicted = full.index(max(full))
    return functools.cache(lambda deleted: by_hand(model, text, deleted, operator)[predicted])


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


# ---- data, scores and settings


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
