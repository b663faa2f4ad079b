"""The metric that keeps the strongest texts of each neuron, in any batches."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from safr_lens.neurons import TopActivations
from tests.reference import slow_neurons as slow

few = settings(max_examples=25)

seeds = st.integers(0, 10_000)


def random_tokens(n_texts=12, n_neurons=3, *, seed):
    """Tokens of texts of 1 to 6 tokens; values of few heights, so that many are equal."""
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 7, (n_texts,), generator=g)
    example = torch.arange(n_texts).repeat_interleave(lengths)
    positions = torch.cat([torch.arange(n) for n in lengths.tolist()])
    values = (torch.randint(-3, 4, (len(example), n_neurons), generator=g) / 2).clamp_min(-0.5)
    return values, example, positions


def strongest_by_loop(values, example, k, neuron):
    texts = [(number, values[example == number, neuron].tolist()) for number in example.unique().tolist()]
    return slow.top_texts(texts, k)


def rows_of(top, neuron):
    """(activation, example, position) of the rows that are not empty."""
    columns = [part[:, neuron].tolist() for part in top]
    return [row for row in zip(*columns, strict=True) if row[1] >= 0]


def metric_of(values, example, positions, *, k, pieces=()):
    metric = TopActivations(k, values.shape[1])
    for piece in pieces or [torch.arange(len(values))]:
        metric.update(values[piece], example[piece], positions[piece])
    return metric


@few
@given(seed=seeds, k=st.integers(1, 15))
def test_metric_equals_slow_loop(seed, k):
    values, example, positions = random_tokens(seed=seed)
    top = metric_of(values, example, positions, k=k).compute()
    for neuron in range(3):
        assert rows_of(top, neuron) == strongest_by_loop(values, example, k, neuron)
        n = len(rows_of(top, neuron))
        assert top.activation[n:, neuron].isnan().all() and (top.position[n:, neuron] == -1).all()
        assert top.activation.shape == (k, 3)


@few
@given(seed=seeds, cuts=st.lists(st.integers(1, 40), max_size=4))
def test_pieces_in_any_order_give_the_same_even_where_they_cut_texts(seed, cuts):
    values, example, positions = random_tokens(seed=seed)
    whole = metric_of(values, example, positions, k=5)
    order = torch.randperm(len(values), generator=torch.Generator().manual_seed(seed))
    pieces = order.tensor_split(sorted(cuts))
    again = metric_of(values, example, positions, k=5, pieces=pieces)
    for found, expected in zip(again.compute(), whole.compute(), strict=True):
        assert torch.equal(found.nan_to_num(-9), expected.nan_to_num(-9))


@few
@given(seed=seeds)
def test_processes_are_merged_as_if_there_were_one(seed):
    values, example, positions = random_tokens(seed=seed)
    whole = metric_of(values, example, positions, k=4)
    # the last two share some texts, as samplers do that fill up the last batch
    shares = [(example % 3 == 0), (example % 3 == 1) | (example == 0), example % 3 == 2]
    parts = [metric_of(values[s], example[s], positions[s], k=4) for s in shares]
    gathered = [part.best for part in parts]
    synced = TopActivations(4, 3, dist_sync_fn=lambda tensor, group: gathered, distributed_available_fn=lambda: True)
    synced.update(values[shares[0]], example[shares[0]], positions[shares[0]])
    for found, expected in zip(synced.compute(), whole.compute(), strict=True):
        assert torch.equal(found.nan_to_num(-9), expected.nan_to_num(-9))
    parts[0].merge_state(parts[1])
    parts[0].merge_state(parts[2])
    assert torch.equal(parts[0].best, whole.best)


def test_forward_returns_the_batch_and_keeps_the_rest():
    metric = TopActivations(1, 1)
    metric.update(torch.tensor([[5.0]]), torch.tensor([3]), torch.tensor([2]))
    assert metric(torch.tensor([[1.0]]), torch.tensor([4]), torch.tensor([0])).activation.item() == 1.0
    assert [part.item() for part in metric.compute()] == [5.0, 3, 2]
    metric.reset()
    metric.update(torch.tensor([[1.0]]), torch.tensor([4]), torch.tensor([0]))
    assert [part.item() for part in metric.compute()] == [1.0, 4, 0]


def test_values_that_differ_by_rounding_are_equal_and_the_first_text_wins():
    values = torch.tensor([[2.0], [2.0 * (1 + 2e-7)], [2.0 * (1 - 2e-7)]])
    metric = TopActivations(3, 1)
    metric.update(values, torch.tensor([5, 5, 1]), torch.tensor([0, 1, 0]))
    assert metric.compute().example.flatten().tolist() == [1, 5, -1]
    assert metric.compute().position.flatten().tolist() == [0, 0, -1]
    larger = TopActivations(1, 1)
    larger.update(torch.tensor([[2.0], [2.0002]]), torch.tensor([1, 5]), torch.tensor([0, 0]))
    assert larger.compute().example.item() == 5


@pytest.mark.parametrize("scale", [1e-38, 1.0, 1e38])
def test_scale_does_not_matter(scale):
    values = scale * torch.tensor([[1.0], [3.0], [2.0]])
    metric = metric_of(values, torch.tensor([0, 1, 2]), torch.zeros(3, dtype=torch.long), k=3)
    assert metric.compute().example.flatten().tolist() == [1, 2, 0]


def test_bad_updates_are_errors():
    with pytest.raises(ValueError, match="at least one text and one neuron; got 0 and 2"):
        TopActivations(0, 2)
    metric = TopActivations(2, 3)
    with pytest.raises(ValueError, match=r"expects \[n_tokens, 3\]; got \[4, 2\]"):
        metric.update(torch.ones(4, 2), torch.zeros(4), torch.zeros(4))
    with pytest.raises(ValueError, match="not finite"):
        metric.update(torch.full((1, 3), math.nan), torch.tensor([0]), torch.tensor([0]))
