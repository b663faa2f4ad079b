"""Processes of one launch: they share, and they end."""

from __future__ import annotations

from tests.two_processes import run_in_two_processes

SCRIPT = '''
"""Join the other process, exchange with it, and end; sooner than threads of gloo would."""

import torch

from safr_lens.processes import join, process_share, summed

join()
for _ in range(20):
    total = summed(torch.ones(3))
print("sum", total.tolist(), "of", process_share()[1], "processes")
'''


def test_processes_that_joined_end_without_an_abort(tmp_path):
    printed = run_in_two_processes(SCRIPT, tmp_path)
    assert printed.count("sum [2.0, 2.0, 2.0] of 2 processes") == 2
