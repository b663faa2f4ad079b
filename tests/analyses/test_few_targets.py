"""The table of targets says what was reached and marks it rightly."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts.few_targets import NO, TARGETS, YES, FewTargets

PLAIN, METHOD = "no penalty", "SAFR"
MEASURED = {
    "accuracy": 0.80,
    "evidence_concentration_important": 5.0,
    "name_fidelity_by_effect": 0.40,
    "monosemanticity_by_effect": 0.10,
    "alive_neurons": 1.0,
    "silent_tokens": 0.0,
    "comprehensiveness": 0.2,
    "naopc_of_beginnings": 0.2,
    "probe f1, words": 0.3,
    "probe auc, polarity": 0.3,
    "probe f1, praise": 0.3,
}
BASE = {**MEASURED, "monosemanticity_by_effect": 0.01, "probe f1, praise": 0.1}


def row(method, seed, values, **changed):
    return {"stage": "final", "data": "rotten_tomatoes", "method": method, "seed": seed, **values, **changed}


def cells(*rows, baselines=(PLAIN, "L1")):
    table = FewTargets("rotten_tomatoes", {METHOD: "strong"}, baselines, PLAIN)
    header, _, seeds, *lines = table(pd.DataFrame(rows))
    assert seeds == "| seeds | 2 |"
    assert header == "| target | strong |"
    found = [line.strip("| ").split(" | ") for line in lines]
    assert [name for name, _ in found] == list(TARGETS)
    return [cell for _, cell in found]


def both(base=BASE, **changed):
    return [
        row(name, seed, values) for seed in (2, 3) for name, values in ((PLAIN, base), (METHOD, MEASURED | changed))
    ]


def test_a_method_that_reaches_all_is_marked_so():
    found = cells(*both())
    assert [cell[-1] for cell in found] == [YES] * len(TARGETS)
    assert found[3] == f"10.0 times {YES}" and found[4] == f"1 of 1, 0.30 {YES}"


@pytest.mark.parametrize(
    ("number", "changed"),
    [
        (0, {"accuracy": 0.794}),
        (1, {"evidence_concentration_important": 6.1}),
        (2, {"name_fidelity_by_effect": 0.34}),
        (3, {"monosemanticity_by_effect": 0.099}),
        (4, {"probe f1, praise": 0.24}),
        (5, {"alive_neurons": 0.49}),
        (6, {"silent_tokens": 0.01}),
        (7, {"comprehensiveness": 0.19}),
        (8, {"naopc_of_beginnings": 0.19}),
    ],
)
def test_each_miss_is_marked_and_no_other(number, changed):
    marks = [cell[-1] for cell in cells(*both(**changed))]
    assert marks == [NO if place == number else YES for place in range(len(TARGETS))]


def test_accuracy_is_beside_the_most_accurate_baseline():
    better = [row("L1", seed, BASE, accuracy=0.81) for seed in (2, 3)]
    assert cells(*both(), *better)[0] == f"+1.0 {NO}"
    assert cells(*both(), *better, baselines=(PLAIN,))[0][-1] == YES


def test_ten_times_no_penalty_is_not_enough_where_a_baseline_has_more():
    better = [row("L1", seed, BASE, monosemanticity_by_effect=0.2) for seed in (2, 3)]
    assert cells(*both(), *better)[3] == f"10.0 times {NO}"


def test_faithfulness_is_paired_by_seed():
    rows = both(comprehensiveness=0.25)
    rows[0] |= {"comprehensiveness": 0.10}
    rows[1] |= {"comprehensiveness": 0.14}
    shown = cells(*rows)[7]
    # differences of 0.04 and 0.05: 0.045 ± 12.706 · 0.005 with one degree of freedom
    assert shown == f"+0.045 (-0.019 to +0.109) {YES}"
