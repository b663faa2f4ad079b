"""WCAG 2 A and AA, checked by axe-core, in light and dark."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.pages import PAGES, VIEWS, notebook_page, wait_until_drawn

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
TELL = """(rules) => axe.run(document, rules).then((found) => found.violations.map(
  (one) => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 300), one.nodes[0].failureSummary]))"""


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.is_file():
        reason = "needs axe-core: npm install --prefix tests/browser"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    return AXE.read_text(encoding="utf-8")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_violation(name, scheme, saved, open_page, axe):
    page = open_page(saved[name], scheme=scheme)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    wait_until_drawn(page)
    page.evaluate(axe)
    assert page.evaluate(TELL, RULES) == []


def test_no_violation_on_a_phone(saved, open_page, axe):
    for name in PAGES:
        page = open_page(saved[name], width=390)
        wait_until_drawn(page)
        page.evaluate(axe)
        assert page.evaluate(TELL, RULES) == [], name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_violation_in_a_notebook(theme, shown, open_page, axe, tmp_path):
    page = open_page(notebook_page([shown[name] for name in VIEWS], tmp_path / "notebook.html"))
    if theme == "dark":  # as JupyterLab says it
        page.evaluate("document.body.dataset.jpThemeLight = 'false'; document.body.style.background = '#111111'")
    wait_until_drawn(page)
    page.evaluate(axe)
    assert page.evaluate(TELL, RULES) == []


def test_a_violation_would_be_seen(open_page, axe, tmp_path):
    (tmp_path / "bad.html").write_text('<p style="color: #ccc; background: #fff">pale</p><img src="data:,">', "utf-8")
    page = open_page(tmp_path / "bad.html")
    page.evaluate(axe)
    found = {one[0] for one in page.evaluate(TELL, RULES)}
    assert {"color-contrast", "image-alt"} <= found
