"""Tables of the pages come from the cells: those in the repository are what its cells say."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts.grid import BASELINE
from study_parts.page_tables import FEW, PAGES, TABLES, PageTable, averaging_table, few_table, fill_pages, filled
from study_parts.spread import accuracy_lost, spread
from study_parts.store import read_cells
from study_parts.table import judged, tidy

ROOT = Path(__file__).parents[2]
BLANK = {name: float("nan") for name in ("loss", "capacity", "monosemanticity", "monosemanticity_by_effect")}
BLANK |= {name: float("nan") for name in ("probe f1, words", "comprehensiveness", "naopc_of_beginnings")}


def row(method, seed, stage="final", data="sst2", **values):
    return {**BLANK, "stage": stage, "data": data, "method": method, "weight": "-", "seed": seed, **values}


def table(*rows, methods=(BASELINE, "L1")):
    lines = PageTable("final", ("sst2",), methods, {})(pd.DataFrame(rows))
    return {line.split(" | ")[0].strip("| "): line.strip(" |").split(" | ")[1:] for line in lines}


@pytest.fixture(scope="module")
def committed():
    return judged(tidy(read_cells(ROOT / "analyses" / "results" / "study")))


@pytest.mark.parametrize("page", PAGES)
def test_the_tables_of_a_page_are_what_the_cells_say(committed, page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert text.count("<!-- study: ") == text.count("<!-- end -->") > 0
    assert filled(text, committed) == text


def test_every_table_is_shown_somewhere():
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    assert [name for name in TABLES if f"<!-- study: {name} -->" not in text] == []


def test_another_figure_in_a_page_is_put_right(committed, tmp_path):
    (tmp_path / "docs").mkdir()
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        (tmp_path / page).write_text(text.replace("| alive neurons, % | 100", "| alive neurons, % | 12"), "utf-8")
        assert (tmp_path / page).read_text(encoding="utf-8") != text
    fill_pages(tmp_path, committed)
    for page in PAGES:
        assert (tmp_path / page).read_bytes() == (ROOT / page).read_bytes()


def test_a_table_that_nobody_knows_is_an_error():
    with pytest.raises(KeyError, match="weather"):
        filled("<!-- study: weather -->\nold\n<!-- end -->", pd.DataFrame())


def test_text_around_a_table_stays():
    found = filled("a <!-- study: presets -->\nold\n<!-- end --> b", pd.DataFrame([row(BASELINE, 2, accuracy=0.5)]))
    assert found.startswith("a <!-- study: presets -->\n\n| | SST-2: no penalty |\n")
    assert found.endswith("|\n\n<!-- end --> b")
    assert "old" not in found


def test_mean_and_spread_over_seeds_and_which_seeds():
    rows = [row(BASELINE, seed, accuracy=value) for seed, value in ((2, 0.7), (3, 0.8), (4, 0.9))]
    found = table(*rows, row("L1", 2, accuracy=0.6), row("L1", 4, accuracy=0.8))
    assert found["seeds"] == ["2 to 4", "2, 4"]
    assert found["accuracy, %"] == ["80.0 ± 10.0", "70.0 ± 14.1"]


def test_the_accuracy_lost_is_between_the_same_seeds():
    rows = [row(BASELINE, seed, accuracy=value) for seed, value in ((2, 0.7), (3, 0.8), (4, 0.1))]
    found = table(*rows, row("L1", 2, accuracy=0.69), row("L1", 3, accuracy=0.79), row("L1", 9, accuracy=0.0))
    assert found["accuracy lost, points (95 % paired)"] == ["–", "+1.0"]


def test_the_interval_of_the_accuracy_lost_is_students():
    base = pd.DataFrame([row(BASELINE, seed, accuracy=0.8) for seed in (2, 3)])
    rows = pd.DataFrame([row("L1", 2, accuracy=0.79), row("L1", 3, accuracy=0.77)])
    half = 12.706 * 1.0  # t of one degree of freedom, times the standard error of 1 and 3
    assert accuracy_lost(rows, base) == f"+2.0 ({2 - half:+.1f} to {2 + half:+.1f})"


def test_a_measure_that_some_seeds_lack_says_how_many_have_it():
    found = table(row(BASELINE, 2, accuracy=0.7, loss=0.5), row(BASELINE, 3, accuracy=0.7))
    assert found["loss, nats"] == ["0.500 (n = 1)"]
    assert "capacity" not in found


def test_averaging_compares_the_seeds_that_know_the_measure_before_and_after():
    rows = [row(BASELINE, 2, "last_step", accuracy=0.7, loss=0.5), row(BASELINE, 3, "last_step", accuracy=0.6)]
    rows += [row(BASELINE, seed, accuracy=0.8, loss=seed) for seed in (2, 3, 4)]
    *_, last = averaging_table(pd.DataFrame(rows))
    assert last.startswith("| SST-2: no penalty | 2 | 65.0 → 80.0 | 0.500 → 2.000 | – |")


def test_one_value_has_no_spread():
    assert spread(pd.Series([0.5, float("nan")]), "accuracy") == "50.0"
    assert spread(pd.Series([float("nan")]), "accuracy") == "–"


def test_the_search_has_one_row_a_setting_in_the_order_of_the_grid():
    known = {FEW[name]: 0.5 for name in FEW}
    rows = [{**row(method, 10, "few", **known), "weight": "32"} for method in ("strong, k, evidence", "TopK")]
    rows.append({**row("TopK", 11, "few", **known | {"accuracy": 0.7}), "weight": "32"})
    _, _, *lines = few_table(pd.DataFrame(rows))
    assert [line.split(" | ")[:4] for line in lines] == [
        ["| SST-2", "TopK", "32", "10 to 11"],
        ["| SST-2", "strong, k, evidence", "32", "10"],
    ]
    assert lines[0].split(" | ")[4] == "60.0 ± 14.1"
