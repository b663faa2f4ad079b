"""Cells come back from the parquet file as they were written, and no process takes away what another one finished."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts.store import CELLS, read_cells, write_cell, write_cells


def cell(name, stage="choose", **changed):
    values = {"settings": {"end": {"start": 0.0}, "weight": 1.0, "none": None}, "figures": {name: {"value": 1.0}}}
    values |= {"probes": {}, "embedding": {"length": 0.5}, "redundancy": {}, "naopc": {}, "versions": {"torch": "2"}}
    return {"stage": stage, "name": name, **values, "neurons": [{"neuron": 3, "top_words": ["a", "b"]}], **changed}


def test_cells_come_back_as_they_were_in_order_of_stage_and_name(tmp_path):
    given = [cell("b"), cell("a", "own"), cell("a", figures={"accuracy": {"value": 0.5, "low": None}})]
    write_cells(tmp_path, given)
    assert read_cells(tmp_path) == [
        {**given[2], "figures": {"accuracy": {"value": 0.5, "low": None}}},
        given[0],
        given[1],
    ]


def test_a_cell_that_another_process_finishes_while_all_are_merged_is_not_lost(tmp_path):
    write_cell(tmp_path, cell("a"))
    seen = read_cells(tmp_path)
    write_cell(tmp_path, cell("b"))
    write_cells(tmp_path, read_cells(tmp_path))
    write_cells(tmp_path, seen)
    assert [one["name"] for one in read_cells(tmp_path)] == ["a", "b"]


def test_the_same_cell_stands_once(tmp_path):
    for score in (0.1, 0.2):
        write_cell(tmp_path, cell("a", validation_accuracy=score))
        write_cells(tmp_path, read_cells(tmp_path))
    assert [one["validation_accuracy"] for one in read_cells(tmp_path)] == [0.2]
    assert (tmp_path / CELLS).exists()
