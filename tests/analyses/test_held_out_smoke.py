"""Part of the training split is held out, and every epoch is measured on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ANALYSES = Path(__file__).parents[2] / "analyses"


def test_every_epoch_of_every_method_is_measured_on_texts_held_out(tmp_path):
    out = tmp_path / "held_out.jsonl"
    small = ("--limit", "80", "--held-out", "20", "--epochs", "2", "--methods", "unregularised|-", "SAFR, light|2/1")
    command = [sys.executable, str(ANALYSES / "held_out.py"), "--out", str(out), *small]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["method"] for row in rows] == ["unregularised", "SAFR, light"]
    for row in rows:
        assert [len(row["epochs"]), row["seed"], row["data"]] == [2, 10, "rotten_tomatoes"]
        assert all(0 <= epoch["held_out_accuracy"] <= 1 and epoch["held_out_loss"] > 0 for epoch in row["epochs"])
    assert rows[0]["epochs"][0] != rows[0]["epochs"][1]
