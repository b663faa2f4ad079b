"""How much memory something takes beyond what the process had before (Linux)."""

from __future__ import annotations

import itertools
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

MIB = 2**20
PROCESSES = multiprocessing.get_context("spawn")


def peak_mib(act: Callable[[], object]) -> float:
    """Return the largest resident set while something is done, beyond the one just before it."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forgets how much memory the loading took for a moment
    before = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    act()
    return largest_mib() - before / MIB


def largest_mib() -> float:
    """Return the largest resident set of this process so far, or since :func:`peak_mib` began."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def in_new_process(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function of a module returns in a process of its own, since a process keeps freed memory."""
    with ProcessPoolExecutor(1, mp_context=PROCESSES) as pool:
        return pool.submit(function, *args).result()


def peak_tensor_mib(act: Callable[[], object]) -> float:
    """Return the largest sum of all tensors that are made meanwhile and not yet freed, by PyTorch's own count.

    Unlike the resident set it does not depend on what the process did before. On CPUs.
    """
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profiler:
        act()
    made = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    sizes = [event.nbytes() for event in sorted(made, key=lambda event: event.start_ns())]
    return max(itertools.accumulate(sizes, initial=0)) / MIB
