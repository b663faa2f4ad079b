"""What each of several processes does of one optimizer step, and how an error in one of them stops all."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from accelerate.utils import DistributedType

from safr_lens.data.batching import Batch
from safr_lens.errors import ConfigError, SafrLensError, TrainingError, first_line
from safr_lens.processes import first_failure, process_share
from safr_lens.training.config import TrainConfig

Value = TypeVar("Value")
CUT_MODEL = ("FSDP", "DEEPSPEED", "MEGATRON_LM", "PARALLELISM_CONFIG")
WHOLE_MODEL = ("NO", "MULTI_CPU", "MULTI_GPU", "MULTI_NPU", "MULTI_MLU", "MULTI_XPU", "MULTI_HPU")


@dataclass(frozen=True)
class Share:
    """A batch that a process runs.

    Attributes:
        batch: as all processes would run it.
        number: of the batch in the epoch, from 0; its random draws depend on it and not on the process.
        weight: of its loss in that of the process.
    """

    batch: Batch
    number: int
    weight: float


def shares(group: Sequence[Batch], first: int, *, process: int = 0, n_processes: int = 1) -> list[Share]:
    """Return what a process runs of the batches of one optimizer step.

    The gradient of the step is that of the mean over all its texts: a batch counts by its number of texts. Since
    processes average their gradients, and wait for each other at each batch, weights are times their number, and a
    process that has no batch left runs the first with weight 0.

    Args:
        group: the batches of the step.
        first: number of the first of them in the epoch.
        process, n_processes: whose share.

    >>> from safr_lens.data.batching import Batch
    >>> import torch
    >>> batches = [Batch(*torch.zeros(4, n, 1).long()) for n in (4, 4, 2)]
    >>> [(share.number, share.weight) for share in shares(batches, 6, process=1, n_processes=2)]
    [(7, 0.8), (6, 0.0)]
    """
    n_texts = sum(len(batch.labels) for batch in group)
    found = []
    for turn in range(0, len(group), n_processes):
        place = turn + process
        if place < len(group):
            weight = n_processes * len(group[place].labels) / n_texts
            found.append(Share(group[place], first + place, weight))
        else:
            found.append(Share(group[0], first, 0.0))
    return found


def agreed(run: Callable[[], Value]) -> Value:
    """Return what a function returns; where it fails in one process, it fails in all before any waits for another.

    Raises:
        TrainingError: it failed in another process.
    """
    if process_share()[1] == 1:
        return run()
    try:
        value = run()
    except Exception as error:
        named = isinstance(error, SafrLensError)
        first_failure(str(error) if named else f"{type(error).__name__}: {first_line(error)}")
        raise
    failure = first_failure(None)
    if failure is not None:
        raise TrainingError(failure)
    return value


def check_launch(kind: DistributedType) -> None:
    """Check that each process of the launch has the whole model.

    Raises:
        ConfigError: a launch that cuts the model into parts.
    """
    # on CPUs accelerate says nothing of what it was told, and trains on
    told = [name for name in CUT_MODEL if os.environ.get(f"ACCELERATE_USE_{name}", "false").lower() == "true"]
    if kind not in WHOLE_MODEL or told:
        asked = told[0] if told else DistributedType(kind).value
        raise ConfigError(
            f"The launch asks for {asked}, which cuts the model into parts; training needs the whole model in each "
            "process (docs/scaling.md says why). Use accelerate launch --multi_gpu, or torchrun."
        )


def launch_warnings(config: TrainConfig) -> list[str]:
    """Return where a launch asks for something else than the settings, which decide."""
    asked = {
        "mixed_precision": os.environ.get("ACCELERATE_MIXED_PRECISION", "no"),
        "gradient_accumulation_steps": os.environ.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1"),
    }
    silent = {"mixed_precision": "no", "gradient_accumulation_steps": "1"}
    return [
        f"The launch asks for {name} {value}; the settings say {getattr(config, name)}, and decide."
        for name, value in asked.items()
        if value not in (silent[name], str(getattr(config, name)))
    ]
