"""Weights that change during a training."""

from __future__ import annotations

import pytest

from safr_lens import SafrPenalty, Schedule
from safr_lens.errors import ConfigError
from safr_lens.penalty.schedule import as_schedule


@pytest.mark.parametrize(("epoch", "weight"), [(0, 1.0), (2, 1.0), (3, 0.75), (4.5, 0.375), (6, 0.0), (100, 0.0)])
def test_a_schedule_waits_then_goes_straight_and_then_stays(epoch, weight):
    assert Schedule(start=1.0, end=0.0, epochs=4, delay=2).at(epoch) == pytest.approx(weight)


def test_a_schedule_can_rise():
    warm_up = Schedule(start=0.0, end=2.0, epochs=4)
    assert [warm_up.at(epoch) for epoch in (0, 1, 2, 4)] == [0.0, 0.5, 1.0, 2.0]


def test_a_schedule_without_length_jumps_after_its_delay():
    jump = Schedule(start=1.0, end=3.0, epochs=0, delay=2)
    assert [jump.at(1.9), jump.at(2.0)] == [1.0, 3.0]


def test_a_schedule_settles_after_delay_and_change():
    late = Schedule(start=1.0, end=0.0, epochs=4, delay=2)
    assert late.settled == 6 and late.at(late.settled) == late.end and late.at(late.settled - 0.1) > late.end


def test_a_number_is_a_constant_weight_that_is_settled_at_once():
    constant = as_schedule("importance_weight", 2)
    assert [constant.at(epoch) for epoch in (0, 1, 50)] == [2.0, 2.0, 2.0] and constant.settled == 0


def test_a_mapping_and_a_schedule_are_the_same():
    schedule = Schedule(start=1.0, end=0.1, epochs=3.0)
    assert as_schedule("w", {"start": 1.0, "end": 0.1, "epochs": 3.0}) == schedule == as_schedule("w", schedule)


def test_an_unknown_key_of_a_schedule_names_the_near_match():
    with pytest.raises(ConfigError, match=r"'epoch'.*importance_weight.*Did you mean 'epochs'"):
        SafrPenalty(importance_weight={"start": 1.0, "end": 0.1, "epoch": 3.0})


def test_a_schedule_that_lacks_a_key_is_an_error():
    with pytest.raises(ConfigError, match="importance_weight as a schedule needs start, end and epochs"):
        SafrPenalty(importance_weight={"start": 1.0})


@pytest.mark.parametrize("key", ["start", "end", "epochs", "delay"])
def test_a_schedule_below_0_is_an_error(key):
    with pytest.raises(ConfigError, match=key):
        SafrPenalty(importance_weight={"start": 1.0, "end": 0.0, "epochs": 1.0, key: -1.0})
