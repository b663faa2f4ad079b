"""A short run of the generated bad inputs, and that the harness sees what it looks for."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import strategies as st

from safr_lens.errors import ConfigError
from tests.reliability import fuzz as harness
from tests.reliability.doors import Door, Place, Refused


def test_no_generated_input_gets_through_unseen(tmp_path):
    found, examples = harness.fuzz(Place(tmp_path), n=330, number=7)
    assert not examples, harness.table(found) + f"\n{dict(examples)}"
    assert sum(counts.total() for counts in found.values()) >= 330
    assert all(counts["refused"] for counts in found.values())


def raised(error):
    def enter(_):
        raise error

    return enter


@pytest.mark.parametrize(
    ("enter", "expected"),
    [
        (lambda _: None, "used"),
        (raised(ConfigError("epochs must be a number; got 'x'.")), "refused"),
        (raised(Refused("Error: no such file")), "refused"),
        (raised(Refused("Traceback (most recent call last)")), "traceback"),
        (raised(ConfigError("a film " * 200)), "long quote"),
        (raised(ValueError("x")), "traceback"),
        (raised(AssertionError("half-written: ['run']")), "half-written or raw"),
        (lambda _: time.sleep(3), "hang"),
    ],
)
def test_each_outcome_is_told_apart(enter, expected, monkeypatch, tmp_path):
    limited = harness.limited
    monkeypatch.setattr(harness, "limited", lambda: limited(1))
    assert harness.outcome(Door("door", st.none(), enter), None, tmp_path)[0] == expected


def test_the_table_counts_all_doors():
    written = harness.table({"data": Counter(used=2, refused=3), "texts": Counter(refused=1, hang=1)})
    assert written.splitlines()[-1] == "| all | 7 | 2 | 4 | 0 | 1 | 0 | 0 |"
