"""Every view and the report are drawn: no error, no request, no dialog, nothing left blank."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from safr_lens import views
from tests.browser.pages import (
    BLANK,
    ILLEGIBLE,
    PAGES,
    UNDRAWN,
    VIEWS,
    notebook_page,
    plain,
    screenshot,
    wait_until_drawn,
)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_drawn_without_error_or_request(name, saved, open_page, tmp_path):
    page = open_page(saved[name])
    wait_until_drawn(page)
    picture = imread(screenshot(page, name, tmp_path))
    assert page.bad == []
    assert page.evaluate(ILLEGIBLE) == []
    assert picture.shape[0] >= 500
    # plain text on paper has a few dozen shades, a blank page one
    assert len(np.unique((picture[::3, ::3, :3] * 255).reshape(-1, 3) @ [65536, 256, 1])) > 50


def test_views_in_a_notebook_are_drawn_side_by_side(shown, open_page, tmp_path):
    page = open_page(notebook_page([shown[name] for name in VIEWS], tmp_path / "notebook.html"))
    wait_until_drawn(page)
    assert page.bad == []
    assert page.evaluate("document.querySelectorAll('script[data-drawn]').length") == page.evaluate(
        "document.querySelectorAll('script[data-view]').length"
    )


def test_a_blank_page_would_be_seen(open_page, tmp_path):
    (tmp_path / "blank.html").write_text('<div class="view"><div class="static"></div></div><img src="data:,">')
    page = open_page(tmp_path / "blank.html")
    assert page.evaluate(UNDRAWN) == 2
    assert page.evaluate(BLANK) == 1


OUTLINED = """all => all.filter((one) => getComputedStyle(one).outlineStyle === "dotted").map((one) => one.innerText)"""


@pytest.mark.parametrize("scripts", [True, False])
def test_unknown_words_are_outlined_and_stay_so(model, open_page, scripts):
    view = views.allocation(model, "a gripping zygotic film")
    page = open_page(view, scripts=scripts)
    place = ".view > .static > span"
    if scripts:
        wait_until_drawn(page)
        place = ".colored-tokens > span"
        page.locator(place).nth(2).hover()
        page.locator(".choice select").nth(1).select_option(index=1)
    found = [plain(text).strip() for text in page.eval_on_selector_all(place, OUTLINED)]
    assert found == ["zygotic"] * (3 if scripts else 2)
    assert page.bad == []
