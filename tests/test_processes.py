"""Processes of one launch: they share, and they end."""

from __future__ import annotations

from tests.two_processes import run_in_two_processes

SCRIPT = '''
"""Join the other process, exchange with it, and end; sooner than threads of gloo would."""

import sys
from pathlib import Path

import torch

from safr_lens.processes import join, process_share, summed

join()
for _ in range(20):
    total = summed(torch.ones(3))
Path(sys.argv[1], str(process_share()[0])).write_text(str(total.tolist()))
'''


def test_processes_that_joined_end_without_an_abort(tmp_path):
    run_in_two_processes(SCRIPT, tmp_path)
    assert [(tmp_path / rank).read_text() for rank in ("0", "1")] == ["[2.0, 2.0, 2.0]"] * 2
