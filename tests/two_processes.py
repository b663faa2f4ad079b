"""A script run by two real processes that torch joins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TIMEOUT = 900  # seconds; about 15 on idle cores, and over 300 beside fifteen other processes
STACKS = f"import faulthandler; faulthandler.dump_traceback_later({TIMEOUT - 30})  # says where it waits\n"
# threads of gloo abort some processes while Python ends, after all work: https://github.com/pytorch/pytorch/pull/179291
ENDS = "\nimport os, sys; sys.stdout.flush(); sys.stderr.flush(); os._exit(0)\n"


def run_in_two_processes(script: str, folder: Path, *words: object, succeeds: bool = True) -> str:
    """Run a script with ``folder`` and ``words`` as its arguments, in two processes on the CPU; return what they print.

    It must succeed, or, where a test wants it to fail, stop by itself.
    """
    (folder / "script.py").write_text(STACKS + script + ENDS)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "ACCELERATE_USE_CPU": "true",
        "CUDA_VISIBLE_DEVICES": "",
    }
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    with (folder / "log").open("w") as log:
        launcher = subprocess.Popen(
            [*command, str(folder / "script.py"), str(folder), *map(str, words)],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            status = launcher.wait(timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            status = f"still running after {TIMEOUT} s"
        finally:
            launcher.terminate()  # a launcher that is told to end ends its two processes
            launcher.wait()
    printed = (folder / "log").read_text()
    assert status == 0 if succeeds else status == 1, f"{status}: {printed[-3000:]}"
    return printed
