"""Mean activations by token type, and the null that says what a selectivity is worth."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.measures import token_selectivity
from safr_lens.measures.nulls import shuffled, spread
from safr_lens.measures.streams.type_means import TypeActivations, blocks_of, type_means
from tests.measures.streams.corpus import D_MLP, LENGTHS, N_TOKENS, neurons, splits, texts_of
from tests.reference import slow_measures as slow

few = settings(max_examples=20)


def corpus(n_tokens=300, n_types=12, d_mlp=5, *, seed=0, firing=0.5):
    """Tokens of types of unequal frequency, and neurons that know nothing of them."""
    g = torch.Generator().manual_seed(seed)
    tokens = torch.multinomial(1 / torch.arange(1.0, n_types + 1), n_tokens, replacement=True, generator=g)
    fires = torch.rand(n_tokens, d_mlp, generator=g) < firing
    return tokens, fires * torch.rand(n_tokens, d_mlp, generator=g)


@few
@given(seed=st.integers(0, 10_000), min_count=st.integers(1, 30))
def test_means_and_counts_equal_slow_loop(seed, min_count):
    tokens, neurons = corpus(seed=seed)
    found = type_means(tokens, [neurons], min_count=min_count)
    expected = slow.type_means(tokens.tolist(), neurons.double().tolist(), min_count)
    assert found.types.tolist() == list(expected)
    assert found.counts.tolist() == [tokens.tolist().count(kind) for kind in expected]
    torch.testing.assert_close(found.means, torch.tensor(list(expected.values())).view(len(expected), 5))


@few
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_pieces_of_any_size_give_the_same(seed, cuts):
    tokens, neurons = corpus(seed=seed)
    whole = type_means(tokens, [neurons])
    edges = [0, *sorted(cuts), 300]
    pieces = type_means(tokens, (neurons[a:b] for a, b in pairwise(edges)))
    assert torch.equal(pieces.types, whole.types) and torch.equal(pieces.counts, whole.counts)
    torch.testing.assert_close(pieces.means, whole.means, atol=1e-6, rtol=0)
    torch.testing.assert_close(pieces.null, whole.null, atol=1e-6, rtol=0)


@pytest.mark.parametrize("n_null", [1, 4])
def test_the_null_has_the_same_total_and_other_means(n_null):
    tokens, neurons = corpus()
    found = type_means(tokens, [neurons], min_count=1, n_null=n_null)
    assert found.null.shape == (n_null, *found.means.shape)
    counts = found.counts.unsqueeze(1)
    for null in found.null:
        torch.testing.assert_close((counts * null).sum(0), neurons.sum(0), atol=1e-3, rtol=1e-5)
        assert not torch.allclose(null, found.means, atol=1e-2)


def test_permutations_differ_from_each_other_and_follow_the_seed():
    tokens, neurons = corpus()
    first, again, other = (type_means(tokens, [neurons], seed=seed).null for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert not torch.allclose(first[0], first[1])


def test_permutations_leave_the_global_random_state_alone():
    tokens, neurons = corpus()
    before = torch.get_rng_state()
    type_means(tokens, [neurons])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_type_counts_from_min_count_on():
    tokens = torch.tensor([4] * 5 + [2] * 4 + [9] * 6)
    found = type_means(tokens, [torch.ones(15, 1)], min_count=5)
    assert found.types.tolist() == [4, 9] and found.counts.tolist() == [5, 6]
    assert found.means.shape == (2, 1) and found.null.shape == (9, 2, 1)


@pytest.mark.parametrize("n_rows", [0, 14, 16])
def test_pieces_that_do_not_add_up_are_an_error(n_rows):
    with pytest.raises(ValueError, match=f"15 tokens but {n_rows} rows"):
        type_means(torch.zeros(15, dtype=torch.long), [torch.ones(n_rows, 2)] if n_rows else [])


@pytest.mark.parametrize("firing", [0.01, 0.1, 0.5])
def test_neurons_that_know_nothing_of_types_are_no_more_selective_than_their_null(firing):
    """Given the orders, the difference has mean 0 over neurons drawn alike: a band of 4 standard errors."""
    tokens, neurons = corpus(4000, 20, 400, firing=firing, seed=3)
    found = type_means(tokens, [neurons])
    null = torch.stack([token_selectivity(shuffled) for shuffled in found.null]).mean(0)
    above = token_selectivity(found.means) - null
    assert not above.isnan().any()
    assert above.mean().abs() < 4 * above.std() / 400**0.5


def test_rare_firing_alone_raises_selectivity_and_its_null_alike():
    figures = {}
    for firing in (0.01, 0.5):
        tokens, neurons = corpus(4000, 20, 100, firing=firing, seed=3)
        found = type_means(tokens, [neurons])
        figures[firing] = token_selectivity(found.means).mean(), token_selectivity(found.null[0]).mean()
    assert figures[0.01][0] > 3 * figures[0.5][0] and figures[0.01][1] > 3 * figures[0.5][1]


@pytest.mark.parametrize("kind", [0, 7])
def test_a_neuron_of_one_type_is_found_above_its_null(kind):
    tokens, neurons = corpus(4000, 20, 3, seed=3)
    neurons[:, 1] = (tokens == kind).float()
    found = type_means(tokens, [neurons])
    assert token_selectivity(found.means)[1].item() == pytest.approx(1.0, abs=1e-6)
    for null in found.null:
        assert token_selectivity(null)[1] < 0.5


TYPES = torch.tensor([1, 2, 1, 3, 1, 2, 2, 3, 1, 3])


def type_metric(parts=((0, 1, 2, 3),), *, n_groups=1, **options):
    metric = TypeActivations(torch.bincount(TYPES), D_MLP, min_count=1, n_groups=n_groups, **options)
    numbers, groups = texts_of(torch.arange(N_TOKENS)), [0, 1, 0, 1]
    for part in parts:
        metric.update(
            torch.cat([texts_of(neurons())[i] for i in part]),
            torch.cat([texts_of(TYPES)[i] for i in part]),
            torch.cat([numbers[i] for i in part]),
            torch.cat([torch.full((LENGTHS[i],), groups[i] % n_groups) for i in part]),
        )
    return metric.result()


@few
@given(split=splits, n_groups=st.integers(1, 2))
def test_type_sums_and_their_null_do_not_depend_on_pieces_or_groups(split, n_groups):
    whole, pieces = type_metric().means(), type_metric(split, n_groups=n_groups).means()
    for name, value in vars(whole).items():
        torch.testing.assert_close(getattr(pieces, name), value, atol=1e-6, rtol=0)


def test_the_null_moves_whole_types_among_tokens():
    null = type_metric(n_null=5).means().null
    for order, means in enumerate(null):
        places = spread(shuffled(torch.arange(N_TOKENS), N_TOKENS, seed=order), N_TOKENS, D_MLP, seed=order)
        for neuron, types in enumerate(TYPES.sort().values[places]):
            for row, kind in enumerate((1, 2, 3)):
                torch.testing.assert_close(means[row, neuron], neurons()[types == kind, neuron].mean())


@pytest.mark.parametrize("d_mlp", [64, 70])
def test_blocks_of_any_width_and_types_left_out_equal_a_slow_loop(d_mlp):
    g = torch.Generator().manual_seed(0)
    tokens, h = torch.randint(9, (60,), generator=g), torch.rand(60, d_mlp, generator=g)
    groups = torch.arange(60) % 2
    metric = TypeActivations(torch.bincount(tokens), d_mlp, min_count=7, n_null=3, n_groups=2)
    metric.update(h, tokens, torch.arange(60), groups)
    kept = [kind for kind in range(9) if (tokens == kind).sum() >= 7]
    assert 0 < len(kept) < 9
    blocks = blocks_of(d_mlp)
    assert len(blocks) == 32 and (len(set(map(len, blocks))) == 1) == (d_mlp == 64)
    for without, used in ((None, groups >= 0), (1, groups == 0)):
        found = metric.result().means(without=without)
        for order, means in enumerate(found.null):
            places = spread(shuffled(torch.arange(60), 60, seed=order), 60, 32, seed=order)
            for block, types in zip(blocks, tokens.sort().values[places], strict=True):
                for row, kind in enumerate(found.types.tolist()):
                    expected = h[used & (types == kind)][:, list(block)].mean(0)
                    torch.testing.assert_close(means[row, list(block)], expected)
        for row, kind in enumerate(found.types.tolist()):
            torch.testing.assert_close(found.means[row], h[used & (tokens == kind)].mean(0))


def test_neurons_have_permutations_of_their_own():
    same = torch.randn(N_TOKENS, 1, generator=torch.Generator().manual_seed(0)).expand(-1, 4)
    null = type_means(TYPES, same, min_count=1).null
    assert any(not torch.allclose(null[order, :, 0], null[order, :, 1]) for order in range(len(null)))


def test_leaving_a_group_out_equals_the_rest_alone():
    left = type_metric(n_groups=2).means(without=1)
    rows = torch.cat([torch.arange(N_TOKENS).split(LENGTHS)[i] for i in (0, 2)])
    for row, kind in enumerate(left.types.tolist()):
        torch.testing.assert_close(left.means[row], neurons()[rows][TYPES[rows] == kind].mean(0))
    assert left.counts.sum() == 7


def test_types_that_meet_no_token_any_more_are_left_out():
    metric = TypeActivations(torch.tensor([0, 2, 1]), 1, min_count=1, n_null=1, n_groups=2)
    metric.update(torch.ones(3, 1), torch.tensor([1, 1, 2]), torch.arange(3), torch.tensor([0, 0, 1]))
    assert metric.result().means().types.tolist() == [1, 2]
    assert 2 not in metric.result().means(without=1).types


def test_only_the_most_frequent_types_are_kept():
    metric = TypeActivations(torch.tensor([0, 3, 9, 4, 9]), 1, min_count=4, max_types=2)
    assert metric.types.tolist() == [2, 4]


def test_a_metric_can_be_used_again_after_a_reset():
    metric = TypeActivations(torch.bincount(TYPES), D_MLP, min_count=1)
    metric.update(neurons(), TYPES, torch.arange(N_TOKENS))
    first = metric.result().means().means.clone()
    metric.reset()
    assert metric.sums.abs().sum() == 0
    metric.update(neurons(), TYPES, torch.arange(N_TOKENS))
    torch.testing.assert_close(metric.result().means().means, first)


def test_what_is_taken_leaves_nothing_behind():
    metric = TypeActivations(torch.bincount(TYPES), D_MLP, min_count=1)
    metric.update(neurons(), TYPES, torch.arange(N_TOKENS))
    kept = metric.result().means().means
    taken = metric.taken()
    torch.testing.assert_close(taken.means().means, kept)
    assert not metric.sums.numel() and not metric.null_sums.numel() and not metric.more.numel()


def test_means_without_their_null_are_the_same():
    whole, alone = type_metric(n_groups=2).means(without=1), type_metric(n_groups=2).means(without=1, null=False)
    torch.testing.assert_close(alone.means, whole.means)
    assert alone.types.tolist() == whole.types.tolist() and alone.null.shape == (0, *whole.means.shape)
