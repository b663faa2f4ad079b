"""Which texts the faithfulness is measured on, and that long ones among them are paid for by their own length."""

from __future__ import annotations

import pytest
import torch

from safr_lens.analysis.sample import FORWARD_TOKENS, affordable, evenly_spaced, rows_at


def test_rows_are_read_in_the_order_of_their_numbers():
    data = [{"text": str(i)} for i in range(10)]
    assert [row["text"] for row in rows_at(iter(data), [7, 0, 3])] == ["7", "0", "3"]
    assert rows_at(data, evenly_spaced(20, 10)) == data


@pytest.mark.parametrize(("length", "wanted"), [(5, (100, 20)), (40, (100, 15)), (120, (57, 0)), (2000, (10, 0))])
def test_texts_of_one_length_cost_what_their_length_says(length, wanted):
    numbers, n_bounded = affordable(torch.full((200,), length))
    assert (len(numbers), n_bounded) == wanted
    assert numbers == evenly_spaced(wanted[0], 200)


@pytest.mark.parametrize("first", [0, 9])
@pytest.mark.parametrize("every", [1, 3, 10])
def test_long_texts_among_short_ones_stay_within_the_budget(every, first):
    lengths = [512 if i % every == first % every and i < 6 * every else 5 for i in range(60)]
    numbers, n_bounded = affordable(torch.tensor(lengths))
    assert sum(6 * lengths[n] ** 2 for n in numbers) <= FORWARD_TOKENS
    more = evenly_spaced(len(numbers) + 1, 60)
    assert len(numbers) == 60 or sum(6 * lengths[n] ** 2 for n in more) > FORWARD_TOKENS, "as many as are affordable"
    assert n_bounded == 20 and all(lengths[n] == 5 for n in numbers[:20])
    assert sorted(numbers) == evenly_spaced(len(numbers), 60)


def test_a_text_that_costs_more_than_is_left_is_passed_over():
    lengths = torch.tensor([90, 70, 5, 90, 5])  # 5 n**3: 3.6 and 1.7 million
    assert affordable(lengths) == ([0, 2, 4, 1, 3], 3)


def test_no_text_gets_bounds_where_most_are_too_long():
    assert affordable(torch.tensor([5, 101, 101]))[1] == 0
    assert affordable(torch.tensor([5, 5, 101])) == ([0, 1, 2], 2)
