"""Times and memory of analyses, on a few texts."""

from __future__ import annotations

import pytest

from benchmarks.analysis import TASKS, reviews, save_untrained
from safr_lens import HookedClassifier


def test_stream_and_loop_are_compared(benchmark, corpus):
    words = ("--tasks", "stream", "run_with_cache", "--texts", 30, "--repeats", 1, "--sizes", 20)
    times, memory = benchmark("analysis", "--data", corpus, *words)
    assert [row["task"] for row in times["rows"]] == ["stream", "run_with_cache"]
    assert all(row["texts"] == 30 and row["tokens"] > 30 and row["wall_ms"] > 0 for row in times["rows"])
    assert set(times["ratios"]["run_with_cache / stream"]) == {"wall", "cpu"}
    assert all(row["texts"] == 20 and 0 <= row["mib_beyond"] < 4000 for row in memory["rows"])


@pytest.mark.parametrize("task", TASKS)
def test_each_task_runs(corpus, tmp_path, task):
    model = HookedClassifier.from_pretrained(save_untrained(str(corpus), str(tmp_path / "run")))
    TASKS[task](model, reviews(str(corpus), 20))
