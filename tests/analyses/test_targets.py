"""Each method is judged beside the classifier without a penalty that had the same readout and start."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts.grid import BASELINE, METHODS_OF, RANDOM_START, RESIDUAL, baseline_of
from study_parts.targets import target_rows

MEASURED = {"reliance_zero": 0.25, "silent_tokens": 0.0, "alive_neurons": 1.0, "token_selectivity": 0.1}
MEASURED |= {"monosemanticity": 0.1, "capacity": 0.1, "probe auc, polarity": 0.3, "probe f1, praise": 0.2}


def row(method, accuracy, seed=2, **changed):
    return {"method": method, "weight": "-", "seed": seed, "accuracy": accuracy, **MEASURED, **changed}


def lines_of(*rows):
    header, _, *lines = target_rows(pd.DataFrame(rows), {}).splitlines()
    names = header.strip("| ").split(" | ")
    return {
        line.strip("| ").split(" | ")[0]: dict(zip(names, line.strip("| ").split(" | "), strict=True)) for line in lines
    }


@pytest.mark.parametrize(
    ("method", "base"),
    [
        ("SAFR, light", BASELINE),
        ("L1", BASELINE),
        ("SAFR, residual", BASELINE + RESIDUAL),
        ("SAFR, default", BASELINE + RANDOM_START),
        (BASELINE + RANDOM_START, BASELINE + RANDOM_START),
    ],
)
def test_what_a_method_is_compared_to(method, base):
    assert baseline_of(method) == base
    assert base in {one.name for one in METHODS_OF["final"]}


def test_the_accuracy_lost_and_the_ratios_are_to_the_same_start():
    start, other = BASELINE + RANDOM_START, {"capacity": 0.05}
    found = lines_of(row(BASELINE, 0.9), row(start, 0.8, **other), row("SAFR, default", 0.79, capacity=0.2))
    assert found["SAFR, default, -"]["accuracy lost, points (paired over seeds)"] == "+1.0 ✗"
    assert found["SAFR, default, -"]["capacity × 3"] == "× 4.0 ✓"


def test_a_method_whose_baseline_is_missing_is_left_out():
    found = lines_of(row(BASELINE, 0.9), row("SAFR, default", 0.7), row("SAFR, light", 0.896))
    assert list(found) == ["SAFR, light, -"]
    assert found["SAFR, light, -"]["accuracy lost, points (paired over seeds)"] == "+0.4 ✓"


def test_without_any_baseline_it_says_so():
    assert "not been measured" in target_rows(pd.DataFrame([row("SAFR, light", 0.9)]), {})


def test_a_baseline_that_is_better_by_plain_scores_is_named_ahead():
    [line] = lines_of(row(BASELINE, 0.9), row("MonoLoss", 0.9, monosemanticity=0.3), row("SAFR, light", 0.9)).values()
    assert line["MS above baselines"] == "-0.2000 ✗"
