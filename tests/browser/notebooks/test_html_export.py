"""The executed notebook as nbconvert's HTML page: the views draw without a network."""

from __future__ import annotations

from pathlib import Path

import pytest
from nbconvert import HTMLExporter

from tests.browser.notebooks.conftest import TOKENS, VIEWS, Executed

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
def shown(page, exported):
    page.route(f"{CDN}**", lambda route: route.fulfill(body=REQUIRE if "require" in route.request.url else ""))
    page.goto(exported.as_uri())
    page.wait_for_function("document.querySelectorAll('.safr-lens .static').length === 0")
    return page


def test_every_view_is_drawn(shown):
    assert shown.locator(".safr-lens-output").count() == len(VIEWS)
    assert shown.locator(".safr-lens .view").count() > 2 * len(VIEWS)
    assert shown.locator(".safr-lens .view:empty").count() == 0
    assert shown.locator(".safr-lens .view canvas").count() > 0


def test_tokens_are_shown_as_text(shown):
    first = shown.locator(".safr-lens .colored-tokens").first
    assert first.inner_text().split() == TOKENS


def test_nothing_goes_wrong(shown):
    assert [what for what in shown.bad if not what.startswith(CDN)] == []


def test_script_is_no_module_of_the_page(shown):
    assert shown.evaluate("defined.length") == 0
    assert shown.evaluate("typeof CircuitsVis.render") == "function"


def test_views_draw_where_the_cdn_is_out_of_reach(page, exported):
    page.goto(exported.as_uri())
    page.wait_for_function("document.querySelectorAll('.safr-lens .static').length === 0")
    assert [what for what in page.bad if "page error" in what or "dialog" in what] == []
