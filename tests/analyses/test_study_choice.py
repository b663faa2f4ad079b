"""Which weight the study takes: the most meaningful within the budget, and none that is won by copies of one neuron."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts.grid import BASELINE, cells
from study_parts.store import read_cells
from study_parts.table import chosen_weights

FINE = {"reliance_zero": 0.25, "silent_tokens": 0.01, "alive_neurons": 1.0, "largest_share": 0.1}


def row(method, weight, accuracy, meaning, **changed):
    found = {"stage": "choose", "data": "sst2", "method": method, "weight": weight, "seed": 0}
    return {**found, "validation_accuracy": accuracy, "monosemanticity_by_effect": meaning, **FINE, **changed}


def chosen(*rows):
    return chosen_weights(pd.DataFrame([row(BASELINE, "-", 0.80, 0.0), *rows]))["sst2"]


def test_the_most_meaningful_within_half_a_point_is_taken():
    weak, strong, dear = row("SAFR", "1", 0.80, 0.1), row("SAFR", "2", 0.796, 0.2), row("SAFR", "3", 0.79, 0.9)
    assert chosen(weak, strong, dear)["SAFR"] == "2"


def test_copies_of_one_neuron_silence_death_and_no_reliance_are_not_taken():
    honest = row("SAFR", "1", 0.80, 0.1)
    for fault in ({"largest_share": 0.94}, {"silent_tokens": 0.2}, {"alive_neurons": 0.1}, {"reliance_zero": 0.02}):
        assert chosen(honest, row("SAFR", "2", 0.80, 0.9, **fault))["SAFR"] == "1", fault


def test_where_none_is_within_the_budget_the_most_accurate_is_taken():
    assert chosen(row("SAFR", "1", 0.78, 0.1), row("SAFR", "2", 0.70, 0.9))["SAFR"] == "1"


def test_every_committed_cell_is_described_by_the_grid():
    folder = Path(__file__).parents[2] / "analyses" / "results" / "study"
    committed = read_cells(folder)
    assert committed
    for cell in committed:
        picked = {cell["data"]: {cell["method"]: cell["weight"]}}
        asked = cells(cell["stage"], (cell["data"],), (cell["seed"],), picked)
        assert cell["name"] in {one.name for one in asked if one.method == cell["method"]}, cell["name"]


def test_a_weight_that_was_not_chosen_on_a_data_set_is_that_of_the_first():
    picked = {"rotten_tomatoes": {"MonoLoss": "0.3", "L1": "3"}, "sst2": {BASELINE: "-", "L1": "1"}}
    weights = {cell.method: cell.weight for cell in cells("final", ("sst2",), (2,), picked)}
    assert [weights["MonoLoss"], weights["L1"]] == ["0.3", "1"]


@pytest.mark.parametrize("stage", ["final", "last_step"])
def test_test_data_is_measured_with_chosen_weights_alone(stage):
    picked = {"rotten_tomatoes": {"SAFR, words": "1/1", BASELINE: "-"}}
    final = list(cells(stage, ("rotten_tomatoes", "imdb"), None, picked))
    assert {cell.split for cell in final} == {"test"}
    assert {cell.seed for cell in final if cell.data == "imdb"} == {2, 3, 4}
    assert {cell.weight for cell in final if cell.method == "SAFR, words"} == {"1/1"}
    earlier = [cell for stage in ("ablate", "choose", "few") for cell in cells(stage, ("rotten_tomatoes",), None, {})]
    assert {cell.split for cell in earlier} == {"validation"}
    assert not {cell.seed for cell in earlier} & {cell.seed for cell in final}
    assert len({(cell.stage, cell.name) for cell in (*earlier, *final)}) == len(earlier) + len(final)


def test_the_search_for_few_neurons_and_the_final_stage_alone_keep_the_mean_of_the_weights():
    for stage in ("own", "ablate", "choose", "last_step", "few", "final"):
        for cell in cells(stage, ("rotten_tomatoes",), None, {}):
            averaged = stage in ("few", "final") or "averaged weights" in cell.method
            assert cell.settings.get("average_weights", False) is averaged
