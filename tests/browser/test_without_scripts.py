"""Where scripts do not run, tables, pictures and coloured tokens remain."""

from __future__ import annotations

import pytest

from tests.browser.conftest import TEXT
from tests.browser.pages import ILLEGIBLE, PAGES, VIEWS, notebook_page, screenshot, text_of

SIZES = "all => all.map((one) => [one.naturalWidth, one.clientHeight])"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_reads_well(name, saved, open_page, tmp_path):
    page = open_page(saved[name], scripts=False)
    screenshot(page, f"{name}-without-scripts", tmp_path)
    assert page.bad == []
    assert text_of(page, "h1") != [""]
    heatmaps = text_of(page, ".view:visible > .static")
    assert all(heatmaps)
    if name not in ("report", "neuron", "attention"):
        assert heatmaps[0] == TEXT
    pictures = page.eval_on_selector_all("img.chart:visible", SIZES)
    assert all(width > 20 and height > 20 for width, height in pictures)
    assert pictures or page.locator("table.heatmap:visible td[style]").count() > 0 or name == "tokens"
    assert page.locator("table:visible").count() > 0 or name == "superposition"


def test_tokens_have_their_colours(saved, open_page):
    page = open_page(saved["contributions"], scripts=False)
    colors = page.eval_on_selector_all(".static > span", "all => all.map((one) => one.style.backgroundColor)")
    assert len(colors) == 2 * len(TEXT.split()) and len(set(colors)) > 4


def test_an_untrusted_notebook_shows_the_fallback(shown, open_page, tmp_path):
    page = open_page(notebook_page([shown[name] for name in VIEWS], tmp_path / "notebook.html"), scripts=False)
    assert page.bad == []
    assert text_of(page, ".static").count(TEXT) >= 5
    assert page.locator("table:visible").count() >= 5


def test_fallbacks_are_legible(saved, open_page):
    for name in VIEWS:
        page = open_page(saved[name], scripts=False)
        assert page.evaluate(ILLEGIBLE) == []
