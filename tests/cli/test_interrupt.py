"""A training that is interrupted with Ctrl-C can be resumed where it stopped."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import torch
from safetensors.torch import load_file


def test_ctrl_c_keeps_the_state_and_resume_ends_as_the_uninterrupted_run(call, corpus, small_config, tmp_path):
    out, state = tmp_path / "run", tmp_path / "run" / "resume" / "state.json"
    config = tmp_path / "long.yaml"
    config.write_text(small_config.read_text().replace("epochs: 2", "epochs: 100000\npatience: 100000"))
    words = ["train", "--data", str(corpus), "--config", str(config)]
    command = [sys.executable, "-m", "safr_lens", *words, "--out", str(out)]
    started = time.monotonic()
    threads = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}  # sums depend on their number
    with subprocess.Popen(command, env=threads, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not state.exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() - started < 200
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=100)
    assert process.returncode == 130
    assert "--resume" in shown
    assert "Traceback" not in shown
    assert not (out / "metrics.json").exists()

    epochs = len(json.loads(state.read_text())["records"]) + 2
    resumed = call(*words, "--out", out, "--epochs", epochs, "--resume", "--quiet")
    assert resumed.exit_code == 0, resumed.output
    whole = call(*words, "--out", tmp_path / "whole", "--epochs", epochs, "--quiet")
    assert whole.exit_code == 0, whole.output
    one, other = (load_file(folder / "model.safetensors") for folder in (out, tmp_path / "whole"))
    assert all(one[name].equal(other[name]) for name in other)
