"""Times and memory of analyses, on a few texts."""

from __future__ import annotations

import pytest

from benchmarks.analysis import TASKS, reviews, save_untrained
from safr_lens import HookedClassifier


def test_stream_and_loop_are_compared_to_each_other_and_to_their_products(benchmark, corpus):
    words = ("--tasks", "stream", "run_with_cache", "products", "--texts", 30, "--repeats", 1, "--sizes")
    (times,) = benchmark("analysis", "--data", corpus, *words)
    assert [row["task"] for row in times["rows"]] == ["stream", "run_with_cache", "products"]
    assert all(row["texts"] == 30 and row["tokens"] > 30 and row["wall_ms"] > 0 for row in times["rows"])
    compared = {"run_with_cache / stream", "run_with_cache / products", "stream / products"}
    assert times["ratios"].keys() == compared
    assert set(times["ratios"]["run_with_cache / stream"]) == {"wall", "cpu"}


def test_memory_is_that_of_each_size_and_how_it_grows(benchmark, corpus):
    (memory,) = benchmark("analysis", "--data", corpus, "--tasks", "stream", "--repeats", 0, "--sizes", 20, 250)
    assert [row["texts"] for row in memory["rows"]] == [20, 250]
    assert all(0 <= row["mib_beyond"] < row["mib_whole"] < 4000 for row in memory["rows"])
    assert set(memory["ratios"]["stream, 250 / 20 texts"]) == {"mib_beyond", "mib_whole"}


def test_texts_that_stand_again_have_their_words_in_another_order(corpus):
    texts, first = reviews(str(corpus), 450)["text"][:], reviews(str(corpus), 200)["text"][:]
    assert texts[:200] == first
    assert texts[200] == " ".join([*first[0].split()[1:], first[0].split()[0]])
    assert sorted(texts[403].split()) == sorted(first[3].split()) and texts[403] not in (first[3], texts[203])


@pytest.mark.parametrize("task", TASKS)
def test_each_task_runs(corpus, tmp_path, task):
    model = HookedClassifier.from_pretrained(save_untrained(str(corpus), str(tmp_path / "run")))
    TASKS[task](model, reviews(str(corpus), 20))
