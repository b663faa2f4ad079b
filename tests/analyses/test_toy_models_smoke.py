"""The toy models run from their command line in a few seconds and leave a table and figures."""

from __future__ import annotations

import json
import math

from tests.analyses.test_smoke import run


def test_quick_run_prints_the_bound_and_writes_figures(tmp_path):
    printed = run("toy_models.py", "--quick", "--seed", 3, "--out", tmp_path)
    assert "pentagon" in printed
    assert "sum of capacities <= rank: holds for all 17 models" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "capacity_by_sparsity.png",
        "shapes.png",
        "toy_models.json",
    ]
    for name in ("capacity_by_sparsity.png", "shapes.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / name).stat().st_size < 200_000
    found = json.loads((tmp_path / "toy_models.json").read_text())
    assert (found["seed"], found["steps"], found["bound_holds"]) == (3, 20, True)
    assert found["versions"]["torch"]
    # of [0, 1]: half a window at 1, whole ones at 3/4, 2/3 and 1/2, and those of 2/5 and 3/8, which overlap
    assert math.isclose(found["near_if_uniform"], 0.03 + 3 * 0.06 + 0.085, abs_tol=1e-3)
