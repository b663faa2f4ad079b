"""Every view and the report are drawn: no error, no request, no dialog, nothing left blank."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.image import imread

from tests.browser.pages import BLANK, ILLEGIBLE, PAGES, UNDRAWN, VIEWS, notebook_page, screenshot, wait_until_drawn


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
