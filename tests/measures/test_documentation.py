"""The documentation lists the measures that are registered."""

from __future__ import annotations

from pathlib import Path

from safr_lens.measures.documentation import filled, measures_table
from safr_lens.measures.registry import MEASURES

PAGE = Path(__file__).parents[2] / "docs" / "measures.md"


def test_the_table_of_measures_is_up_to_date():
    page = PAGE.read_text(encoding="utf-8")
    assert page == filled(page), "run: python -m safr_lens.measures.documentation docs/measures.md"
    assert measures_table() in page


def test_every_measure_says_what_a_reader_needs():
    for measure in MEASURES.values():
        assert measure.title and measure.meaning.endswith(".") and measure.range and measure.null, measure.name
