"""Changes against no penalty are between the same seeds."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts.claim import claim_table
from study_parts.grid import BASELINE


def row(method, seed, value):
    return {"stage": "choose", "data": "sst2", "method": method, "weight": "1", "seed": seed} | {
        "measure": "capacity",
        "value": value,
    }


def test_a_seed_that_one_of_them_lacks_does_not_count():
    rows = [row(BASELINE, 0, 0.1), row(BASELINE, 1, 0.3), row(BASELINE, 2, 9.0), row("release", 0, 0.2)]
    rows += [row("release", 1, 0.4), row("SAFR", 7, 1.0)]
    lines = claim_table(pd.DataFrame(rows), stage="choose", data="sst2").splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| release, 1 (2)"]
    assert lines[2].split(" | ")[2] == "+50"
