"""A training step and its parts, on a few texts."""

from __future__ import annotations

SIZES = ("--set", "d_model=16", "n_heads=2", "d_mlp=32", "d_vmask=8", "n_ctx=32")


def test_step_compares_all_kinds_and_times_each_part(benchmark, corpus):
    step, parts = benchmark("step", "--data", corpus, "--repeats", 2, "--batch-size", 8, *SIZES)
    assert [row["step"] for row in step["rows"]] == ["plain", "no penalty", "SAFR", "release"]
    assert all(row["wall_ms"] > 0 and row["cpu_ms"] > 0 for row in step["rows"])
    assert set(step["ratios"]["SAFR / plain"]) == {"wall", "cpu"}
    named = {row["part"] for row in parts["rows"]}
    assert {"batching", "forward", "VMASK", "information", "importance", "interaction", "backward"} <= named
    assert {"clipping", "optimizer"} <= named


def test_sizes_say_how_time_and_memory_grow(benchmark):
    fixed = ("--set", "length=6", "d_mlp=32", "d_model=16", "n_heads=2", "batch_size=4", "vocabulary=300")
    (found,) = benchmark("sizes", "--vary", "n_layers", "--values", 1, 4, "--repeats", 2, *fixed)
    one, four = found["rows"]
    assert (one["n_layers"], four["n_layers"]) == (1, 4)
    assert one["MiB with"] >= one["MiB without"] > 0
    assert four["MiB without"] > one["MiB without"]
    assert set(found["ratios"]["slope"]) == {"plain", "no penalty", "SAFR", "MiB without", "MiB with"}


def test_fine_tuning_compares_the_same_encoder(benchmark, corpus, small_bert):
    (found,) = benchmark(
        "fine_tuning", "--backbone", small_bert, "--data", corpus, "--repeats", 2, "--length", 24, "--batch-size", 8
    )
    assert [row["step"] for row in found["rows"]] == ["plain", "no penalty", "SAFR"]
    assert set(found["ratios"]) == {"SAFR / plain", "no penalty / plain", "steps an epoch"}
