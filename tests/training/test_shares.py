"""What each of several processes does of a step, and what a launch may ask for."""

from __future__ import annotations

import pytest
import torch
from accelerate.utils import DistributedType

from safr_lens import TrainConfig
from safr_lens.data.batching import Batch
from safr_lens.errors import ConfigError
from safr_lens.training.shares import agreed, check_launch, launch_warnings, shares


def batch(n_texts: int) -> Batch:
    ones = torch.ones(n_texts, 1)
    return Batch(ones.long(), ones.bool(), ones[:, 0].long(), torch.arange(n_texts))


@pytest.mark.parametrize("sizes", [(8,), (8, 8), (8, 3), (8, 8, 3), (3, 8, 8, 8, 8)])
@pytest.mark.parametrize("n_processes", [1, 2, 3, 7])
def test_the_mean_over_processes_is_the_mean_over_texts(sizes, n_processes):
    group = [batch(size) for size in sizes]
    by_process = [shares(group, 10, process=process, n_processes=n_processes) for process in range(n_processes)]
    assert len({len(mine) for mine in by_process}) == 1, "all wait for each other equally often"
    weights = dict.fromkeys(range(10, 10 + len(sizes)), 0.0)
    for share in [share for mine in by_process for share in mine]:
        weights[share.number] += share.weight / n_processes
        assert share.batch is group[share.number - 10]
    assert list(weights.values()) == pytest.approx([size / sum(sizes) for size in sizes])


def test_one_batch_of_one_process_counts_exactly_once():
    assert [share.weight for share in shares([batch(7)], 0)] == [1.0]


def test_one_process_agrees_with_itself():
    assert agreed(lambda: 3) == 3


@pytest.mark.parametrize("kind", [DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM])
def test_a_launch_that_cuts_the_model_is_refused(kind):
    with pytest.raises(ConfigError, match=f"{kind.value}, which cuts the model"):
        check_launch(kind)


def test_a_launch_on_cpus_is_taken_at_its_word(monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(ConfigError, match="FSDP, which cuts the model"):
        check_launch(DistributedType.MULTI_CPU)


@pytest.mark.parametrize("kind", [DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU])
def test_a_launch_with_the_whole_model_in_each_process_is_taken(kind):
    check_launch(kind)


def test_what_a_launch_asks_for_beside_the_settings_is_said(monkeypatch):
    assert launch_warnings(TrainConfig()) == []
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    precision, accumulation = launch_warnings(TrainConfig())
    assert precision == "The launch asks for mixed_precision bf16; the settings say no, and decide."
    assert accumulation == "The launch asks for gradient_accumulation_steps 4; the settings say 1, and decide."
    assert launch_warnings(TrainConfig(mixed_precision="bf16", gradient_accumulation_steps=4)) == []
