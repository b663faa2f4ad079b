"""The frontier is drawn for data whose cells know how many neurons make up a token's evidence, and for no other."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts.figures import COLOURS, pareto, style_of
from study_parts.frontier import FEWEST, MEASURES, frontier


def row(weight, neurons, data="sst2", stage="few"):
    return {
        "stage": stage,
        "data": data,
        "method": "TopK",
        "weight": weight,
        "seed": 10,
        FEWEST: neurons,
    } | dict.fromkeys(MEASURES, 0.1)


def test_a_figure_a_data_set_that_was_measured(tmp_path):
    wide = pd.DataFrame(
        [row("8", 3.0), row("16", 6.0), row("-", float("nan"), data="imdb"), row("-", 9.0, stage="own")]
    )
    written = frontier(wide, tmp_path, stage="few")
    assert written == [tmp_path / "frontier_few_sst2.png"]
    assert written[0].read_bytes().startswith(b"\x89PNG") and written[0].stat().st_size > 10_000


def test_cells_from_before_the_measure_give_no_figure(tmp_path):
    assert frontier(pd.DataFrame([row("8", 3.0)]).drop(columns=FEWEST), tmp_path, stage="few") == []
    assert list(tmp_path.iterdir()) == []


def test_data_of_which_no_method_is_drawn_has_no_figure(tmp_path):
    methods = ("SAFR, residual", "release, residual")
    rows = [{"stage": "final", "data": "sst2", "method": name, "seed": seed} for name in methods for seed in (2, 3)]
    assert pareto(pd.DataFrame(rows), tmp_path, stage="final") == []
    assert list(tmp_path.iterdir()) == []


def test_no_two_methods_of_a_figure_look_the_same():
    styles = [tuple(style_of(number).values()) for number in range(len(COLOURS) ** 2)]
    assert len(set(styles)) == len(styles)
