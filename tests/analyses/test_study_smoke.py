"""The study runs, skips what is done, and chooses, tabulates and draws from what is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts.store import FINISHED, read_cells
from study_parts.table import tidy

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
    finished = read_cells(out)
    shutil.rmtree(out / FINISHED)
    assert read_cells(out) == finished and len(finished) == 2
    assert finished[0]["split"] == "validation" and "test" not in finished[0]
    assert {"polarity", "function words"} <= finished[0]["probes"].keys()
    assert "2 cells" in study(*asked, *small)
    assert not (out / FINISHED).exists() and read_cells(out) == finished
    table = tidy(finished)
    assert set(table["method"]) == {"unregularised", "SAFR, attention"}
    assert {"accuracy", "monosemanticity", "naopc_of_beginnings", "probe auc, polarity"} <= set(table["measure"])
    assert (out / "pareto_choose_rotten_tomatoes.png").stat().st_size > 10_000
    page = (tmp_path / "results.md").read_text()
    assert "how close to the targets" in page and "Top words of the neurons with the largest effect" in page


def test_a_method_whose_settings_were_removed_names_the_commit_at_which_it_ran():
    words = ["--stage", "choose", "--data", "sst2", "--only", "SAFR, distinct", "--plan"]
    done = subprocess.run(
        [sys.executable, str(ANALYSES / "study.py"), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "redundancy_weight" in done.stderr and "d81c328" in done.stderr
