"""The streamed metrics equal loops over texts and tokens, however the corpus is cut."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from safr_lens.measures.formulas.sparsity import hoyer
from safr_lens.measures.formulas.superposition import capacity
from safr_lens.measures.nulls import shuffled, spread
from safr_lens.measures.streams.activity import NeuronActivity
from safr_lens.measures.streams.class_means import ClassActivations
from safr_lens.measures.streams.text_figures import COLUMNS, TextFigureStream
from safr_lens.measures.streams.type_means import TypeActivations, blocks_of, type_means

few = settings(max_examples=20)
LENGTHS = (3, 1, 4, 2)
N_TOKENS, D_MLP, N_TYPES = sum(LENGTHS), 5, 4


def neurons(seed=0):
    found = torch.randn(N_TOKENS, D_MLP, generator=torch.Generator().manual_seed(seed)).relu()
    found[:, 4] = 0.0  # a dead neuron
    found[3] = 0.0  # the only token of the second text is silent
    return found


def texts_of(tensor):
    return tensor.split(LENGTHS)


splits = st.permutations(range(4)).flatmap(
    lambda order: st.sets(st.integers(1, 3)).map(
        lambda cuts: [order[a:b] for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 4], strict=True)]
    )
)


# ---- activity


def test_activity_equals_its_definitions():
    h = neurons()
    metric = NeuronActivity(D_MLP)
    metric.update(h)
    found = metric.result()
    assert found.n_tokens == N_TOKENS
    torch.testing.assert_close(found.mean, h.mean(0))
    torch.testing.assert_close(found.max, h.amax(0))
    torch.testing.assert_close(found.firing_rate, (h > 0).float().mean(0))
    torch.testing.assert_close(found.lifetime_sparsity, hoyer(h, 0), equal_nan=True)
    assert found.alive.tolist() == [True] * 4 + [False]
    assert found.lifetime_sparsity[4].isnan()


def test_activity_of_signed_neurons_takes_magnitudes():
    h = torch.tensor([[-2.0], [2.0], [-2.0]])
    metric = NeuronActivity(1)
    metric.update(h)
    found = metric.result()
    assert found.lifetime_sparsity.item() == pytest.approx(0.0, abs=1e-6)
    assert (found.max.item(), found.firing_rate.item()) == (2.0, pytest.approx(1 / 3))


def test_one_token_has_no_lifetime_sparsity():
    metric = NeuronActivity(2)
    metric.update(torch.ones(1, 2))
    assert metric.result().lifetime_sparsity.isnan().all()


@few
@given(split=splits)
def test_activity_of_any_pieces_is_that_of_the_whole(split):
    h = neurons()
    whole, pieces = NeuronActivity(D_MLP), NeuronActivity(D_MLP)
    whole.update(h)
    for part in split:
        pieces.update(torch.cat([texts_of(h)[i] for i in part]))
    for name, value in vars(whole.result()).items():
        if name != "n_tokens":
            torch.testing.assert_close(getattr(pieces.result(), name), value, atol=1e-6, rtol=1e-6, equal_nan=True)


def test_compute_gives_the_same_as_a_dict_for_collections():
    metric = NeuronActivity(D_MLP)
    metric.update(neurons())
    assert set(metric.compute()) == set(vars(metric.result()))


# ---- classes

LABELS = torch.tensor([1, 0, 1, 0])


def class_metric(parts=((0, 1, 2, 3),), *, seed=0, n_null=3, groups=None):
    metric = ClassActivations(LABELS, n_classes=2, d_mlp=D_MLP, n_null=n_null, seed=seed, n_groups=2 if groups else 1)
    for part in parts:
        sums = torch.stack([texts_of(neurons())[i].sum(0) for i in part])
        chosen = torch.tensor(part)
        where = torch.tensor(groups)[chosen] if groups else None
        metric.update(sums, torch.tensor(LENGTHS)[chosen], chosen, where)
    return metric.result()


def slow_class_means(labels, keep=range(4)):
    found = []
    for label in (0, 1):
        rows = [row for i in keep if labels[i] == label for row in texts_of(neurons())[i].double().tolist()]
        found.append([sum(column) / len(rows) for column in zip(*rows, strict=True)])
    return found


def test_class_means_equal_a_slow_loop_and_the_null_that_of_shuffled_labels():
    means = class_metric().means()
    torch.testing.assert_close(means[0].tolist(), slow_class_means(LABELS.tolist()))
    for order in (1, 2, 3):
        places = spread(shuffled(torch.arange(4), 4, seed=order), 4, D_MLP, seed=order)
        for neuron, labels in enumerate(LABELS[places].tolist()):
            expected = [row[neuron] for row in slow_class_means(labels)]
            torch.testing.assert_close(means[order, :, neuron].tolist(), expected)


def test_labels_are_shuffled_otherwise_for_another_seed():
    assert not torch.equal(class_metric(seed=1).means()[1:], class_metric(seed=2).means()[1:])


def test_a_group_can_be_left_out():
    found = class_metric(groups=[0, 0, 0, 1])
    torch.testing.assert_close(
        found.means(without=1)[0].tolist(), slow_class_means(LABELS.tolist(), keep=(0, 1, 2)), equal_nan=True
    )
    assert found.means(without=0)[0, 1].isnan().all(), "no text of that class is left"


@few
@given(split=splits)
def test_class_means_of_any_pieces_are_those_of_the_whole(split):
    torch.testing.assert_close(class_metric(split).means(), class_metric().means())


# ---- types

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


# ---- texts

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.5, 0.0], [3.0, 0.0]])


def text_metric(parts=((0, 1, 2, 3),), labels=LABELS):
    metric = TextFigureStream()
    for part in parts:
        chosen = torch.tensor(part)
        h = torch.cat([texts_of(neurons())[i] for i in part])
        metric.update(h, torch.tensor(LENGTHS)[chosen], chosen, LOGITS[chosen], labels[chosen])
    return metric.result()


def test_the_numbers_of_a_text_equal_a_slow_loop():
    found = text_metric()
    for i, h in enumerate(texts_of(neurons())):
        of_tokens, sparsity = capacity(h), hoyer(h, 1)
        loss = -math.log(math.exp(LOGITS[i, LABELS[i]]) / sum(math.exp(x) for x in LOGITS[i]))
        expected = {
            "tokens": LENGTHS[i],
            "active": sum(x > 0 for row in h.tolist() for x in row),
            "silent": sum(max(row) == 0 for row in h.tolist()),
            "capacity": of_tokens.nansum().item(),
            "with_capacity": int((~of_tokens.isnan()).sum()),
            "sparsity": sparsity.nansum().item(),
            "with_sparsity": int((~sparsity.isnan()).sum()),
            "correct": float(LOGITS[i].argmax() == LABELS[i]),
            "loss": loss,
        }
        assert tuple(expected) == COLUMNS
        assert {name: column[i].item() for name, column in found.columns.items()} == pytest.approx(expected, abs=1e-6)


@few
@given(split=splits)
def test_texts_come_in_the_order_of_the_corpus_whatever_the_pieces(split):
    found, whole = text_metric(split), text_metric()
    assert found.examples.tolist() == [0, 1, 2, 3]
    for name in COLUMNS:
        torch.testing.assert_close(found.columns[name], whole.columns[name])


def test_texts_without_a_label_have_no_accuracy():
    found = text_metric(labels=torch.full((4,), -1))
    assert found.columns["correct"].isnan().all() and found.columns["loss"].isnan().all()
    assert not found.columns["capacity"].isnan().any()


def test_a_ratio_of_columns_is_a_mean_over_tokens():
    found = text_metric()
    assert found.ratio("active", "tokens").value == pytest.approx((neurons() > 0).sum().item() / N_TOKENS)
    assert found.ratio("correct").value == 0.25


def test_scipy_agrees_on_the_spread_of_a_mean_over_texts():
    column = text_metric().columns["active"]
    sd = text_metric().ratio("active").replicates.std().item()
    assert sd == pytest.approx(stats.sem(column.numpy(), ddof=0), rel=0.1)
