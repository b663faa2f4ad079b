"""The study runs, skips what is done, and chooses, tabulates and draws from what is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd

ANALYSES = Path(__file__).parents[2] / "analyses"


def study(*words: object) -> str:
    command = [sys.executable, str(ANALYSES / "study.py"), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_cells_are_run_once_and_reported(tmp_path):
    out = tmp_path / "study"
    asked = ("--stage", "choose", "--seeds", 0, "--only", "unregularised", "SAFR, attention", "--out", out)
    small = ("--limit", 80, "--set", "epochs=1", "d_model=128", "d_mlp=64", "d_vmask=16")
    assert "2 cells" in study(*asked, "--plan") and not out.exists()
    study(*asked, *small)
    files = sorted((out / "choose").iterdir())
    before = [path.read_bytes() for path in files]
    assert len(files) == 2
    cell = json.loads(before[0])
    assert cell["split"] == "validation" and "test" not in cell
    assert {"polarity", "function words"} <= cell["probes"].keys()
    assert "2 cells" in study(*asked, *small)
    assert [path.read_bytes() for path in files] == before
    table = pd.read_parquet(out / "cells.parquet")
    assert set(table["method"]) == {"unregularised", "SAFR, attention"}
    assert {"accuracy", "monosemanticity", "naopc_of_beginnings", "probe auc, polarity"} <= set(table["measure"])
    assert (out / "pareto_choose_rotten_tomatoes.png").stat().st_size > 10_000
    page = (tmp_path / "results.md").read_text()
    assert "how close to the targets" in page and "What the neurons that matter most answer to" in page
