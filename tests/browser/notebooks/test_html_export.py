"""The executed notebook as nbconvert's HTML page: the views draw without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbconvert import HTMLExporter

from tests.browser.notebooks.conftest import TOKENS, VIEWS, Executed
from tests.browser.pages import ILLEGIBLE, wait_until_drawn

# nbconvert's pages ask for RequireJS and MathJax here
CDN = "https://cdnjs.cloudflare.com/"
# as strict as RequireJS, which takes no nameless module from a script that it did not load itself
REQUIRE = "window.defined = []; window.define = (...module) => defined.push(module); define.amd = {};"


@pytest.fixture(scope="session")
def exported(executed: Executed) -> Path:
    html, _ = HTMLExporter().from_notebook_node(executed.notebook)
    path = executed.folder / "notebook.html"
    path.write_text(html, encoding="utf-8")
    return path


@pytest.fixture
def drawn(page, exported):
    page.route(f"{CDN}**", lambda route: route.fulfill(body=REQUIRE if "require" in route.request.url else ""))
    page.goto(exported.as_uri())
    wait_until_drawn(page)
    return page


def test_every_view_is_drawn(drawn):
    assert drawn.locator(".safr-lens-output").count() == len(VIEWS)
    assert drawn.locator(".safr-lens .view").count() > 2 * len(VIEWS)
    assert drawn.locator(".safr-lens .view canvas").count() > 0


def test_tokens_are_shown_as_text(drawn):
    first = drawn.locator(".safr-lens .colored-tokens").first
    assert first.inner_text().split() == TOKENS
    assert drawn.evaluate(ILLEGIBLE) == []


def test_nothing_goes_wrong(drawn):
    assert [what for what in drawn.bad if not what.startswith(CDN)] == []


def test_script_is_no_module_of_the_page(drawn):
    assert drawn.evaluate("defined.length") == 0
    assert drawn.evaluate("typeof CircuitsVis.render") == "function"


def test_views_draw_where_the_cdn_is_out_of_reach(page, exported):
    page.goto(exported.as_uri())
    wait_until_drawn(page)
    assert [what for what in page.bad if "page error" in what or "dialog" in what] == []
