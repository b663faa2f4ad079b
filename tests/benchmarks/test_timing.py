"""Times taken in turn, and what is said of them."""

from __future__ import annotations

import pytest

from benchmarks.result import Result
from benchmarks.timing import Times, interleaved, slope


def test_kinds_run_in_turn_on_the_same_numbers():
    seen = []
    kinds = {name: lambda i, name=name: seen.append((name, i)) for name in "ab"}
    times = interleaved(kinds, repeats=2, warmup=1)
    assert seen == [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert all(len(one.wall) == len(one.cpu) == 2 for one in times.values())


def test_ratios_are_taken_repetition_by_repetition():
    assert Times([2.0, 4.0, 9.0], [1.0, 1.0, 1.0]).times(Times([1.0, 2.0, 3.0], [2.0, 2.0, 2.0])) == {
        "wall": 2.0,
        "cpu": 0.5,
    }
    assert Times([0.002], [0.001]).row() == pytest.approx({"wall_ms": 2, "low": 2, "high": 2, "cpu_ms": 1})


def test_slope_of_a_power_is_its_exponent():
    assert slope([1, 2, 4, 8], [5 * n**1.5 for n in (1, 2, 4, 8)]) == pytest.approx(1.5)


def test_a_result_is_a_table_and_json():
    result = Result("A step", [{"step": "plain", "wall_ms": 1.25}], {"a / b": {"wall": 2.0}, "slope": 1.0})
    assert result.table().splitlines() == ["A step", " step  wall_ms", "plain      1.2", "a / b: wall 2", "slope: 1"]
    assert result.to_dict()["machine"]["cores"] >= 1
