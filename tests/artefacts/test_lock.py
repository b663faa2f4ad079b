"""One process at a time in a folder; a lock ends with its process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from safr_lens.artefacts import locked
from safr_lens.artefacts.lock import LOCK, is_held
from safr_lens.errors import CheckpointError

HOLD = """
import sys, time
from safr_lens.artefacts import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process, which holds ``tmp_path / "run"``."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_process_is_refused_at_once_by_the_name_of_the_first(tmp_path, other):
    started = json.loads((tmp_path / "run" / LOCK).read_text())["started"]
    begun = time.monotonic()
    with pytest.raises(CheckpointError) as error, locked(tmp_path / "run"):
        pass
    assert time.monotonic() - begun < 10
    assert f"process {other.pid}, which started at {started}" in str(error.value)
    assert "Wait until it has ended, or name another folder" in str(error.value)
    assert json.loads((tmp_path / "run" / LOCK).read_text())["pid"] == other.pid  # its lock is as it was


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path, other):
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / "run" / LOCK).exists()
    with locked(tmp_path / "run"):
        assert json.loads((tmp_path / "run" / LOCK).read_text())["pid"] == os.getpid()
    assert os.listdir(tmp_path / "run") == []


def test_a_folder_is_held_within_the_block_and_may_be_locked_again_there(tmp_path):
    with locked(tmp_path), locked(tmp_path / "inside"), locked(str(tmp_path)):
        assert is_held(tmp_path) and is_held(tmp_path / "inside")
    assert not is_held(tmp_path)
    assert os.listdir(tmp_path) == []


def test_folders_that_were_made_go_if_they_stay_empty(tmp_path):
    with locked(tmp_path / "a" / "b"):
        pass
    assert os.listdir(tmp_path) == []
    with pytest.raises(ValueError), locked(tmp_path / "a" / "b"):
        (tmp_path / "a" / "kept.txt").write_text("")
        raise ValueError
    assert os.listdir(tmp_path / "a") == ["kept.txt"]


def test_a_file_in_the_way_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("file", "file/run"):
        with pytest.raises(CheckpointError, match=r"file is a file; expected a folder"), locked(tmp_path / place):
            pass


def test_of_a_distributed_training_the_first_process_alone_locks(tmp_path, other, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with locked(tmp_path / "run"):
        pass
