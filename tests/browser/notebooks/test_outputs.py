"""Outputs of cells in the orders and numbers in which front ends put them on a page."""

from __future__ import annotations

import pytest

from tests.browser.pages import wait_until_drawn


@pytest.fixture
def show(page, executed, tmp_path):
    """A function that shows outputs of cells, each in a place of its own, and waits until they are drawn."""

    def show(*cells: str):
        outputs = "\n".join(f"<div>{executed.html(cell)[0]}</div>" for cell in cells)
        path = tmp_path / "page.html"
        path.write_text(f"<!doctype html><meta charset='utf-8'><body>{outputs}</body>", encoding="utf-8")
        page.goto(path.as_uri())
        wait_until_drawn(page)
        assert page.bad == []
        return page

    return show


def test_script_may_come_last(show):
    page = show("contributions", "allocation")
    assert page.locator(".colored-tokens").count() > 2


def test_output_may_be_shown_twice(show):
    page = show("allocation", "contributions", "contributions")
    first, second = (page.locator(".safr-lens-output").nth(i).locator(".colored-tokens") for i in (1, 2))
    assert first.all_inner_texts() == second.all_inner_texts()
    assert first.count() == 2
