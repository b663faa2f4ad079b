"""Mean activations by class, and their null, equal loops over texts."""

from __future__ import annotations

import torch
from hypothesis import given, settings

from safr_lens.measures.nulls import shuffled, spread
from safr_lens.measures.streams.class_means import ClassActivations
from tests.measures.streams.corpus import D_MLP, LENGTHS, neurons, splits, texts_of

few = settings(max_examples=20)


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
