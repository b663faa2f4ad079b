"""The start of the command line is timed."""

from __future__ import annotations


def test_commands_and_imports_are_timed(benchmark, corpus):
    (start,) = benchmark("start", "--data", corpus, "--repeats", 1)
    assert [row["command"] for row in start["rows"]][:4] == ["--version", "--help", "train --help", "predict"]
    assert all(row["cpu_ms"] > 0 for row in start["rows"])
    assert set(start["ratios"]["predict / import"]) == {"wall", "cpu"}
