"""Views in a real JupyterLab: opened without trust, opened with trust, and while cells run."""

from __future__ import annotations

import copy
import json

import nbformat
import pytest
from nbformat.sign import NotebookNotary
from nbformat.v4 import new_code_cell

from tests.browser.notebooks.conftest import BUNDLE, TOKENS, VIEWS
from tests.browser.notebooks.jupyterlab import local_page, running_lab

HOLDERS = f"""
[...document.querySelectorAll('.jp-CodeCell')].map((cell, place) =>
    [...cell.querySelectorAll('.jp-OutputArea script')].some((one) => one.textContent.includes('{BUNDLE}')) ? place : -1
).filter((place) => place >= 0)
"""


@pytest.fixture(scope="module")
def lab(chromium, executed, tmp_path_factory):
    with running_lab(tmp_path_factory.mktemp("lab"), executed.environment) as lab:
        yield lab


@pytest.fixture
def lab_page(chromium):
    with local_page(chromium) as page:
        yield page


@pytest.fixture(scope="module")
def trusted(lab, executed) -> str:
    notebook = copy.deepcopy(executed.notebook)
    notebook.metadata["copy"] = "signed"  # trust goes by content, and the other copy is not to have it
    path = lab.folder / "trusted.ipynb"
    nbformat.write(notebook, path)
    notary = NotebookNotary(data_dir=str(lab.data))
    notary.sign(nbformat.read(path, as_version=4))
    notary.store.close()
    return path.name


@pytest.fixture
def untrusted_page(lab, lab_page, executed):
    nbformat.write(executed.notebook, lab.folder / "copied.ipynb")
    lab.open(lab_page, "copied.ipynb")
    lab_page.wait_for_function(f"document.querySelectorAll('.safr-lens').length === {len(VIEWS)}")
    return lab_page


def test_without_trust_the_fallback_reads_well(untrusted_page):
    page = untrusted_page
    assert page.evaluate("typeof CircuitsVis") == "undefined"
    assert page.locator(".safr-lens script, .safr-lens style").count() == 0
    first = page.locator(".safr-lens .static").first
    first.scroll_into_view_if_needed()
    assert first.inner_text().split() == TOKENS
    colors = first.locator("span").evaluate_all(
        "all => all.map(one => getComputedStyle(one)).map(one => [one.backgroundColor, one.color])"
    )
    assert len(colors) == len(TOKENS)
    assert all(paper != "rgba(0, 0, 0, 0)" and ink == "rgb(27, 35, 48)" for paper, ink in colors)
    pictures = page.locator(".safr-lens img").evaluate_all("all => all.map(one => [one.naturalWidth, one.alt])")
    assert len(pictures) > len(VIEWS)
    assert all(width > 100 and len(alt) > 20 for width, alt in pictures)
    legend = page.locator(".safr-lens .scale").first.bounding_box()
    assert legend["width"] > 50
    assert page.locator(".safr-lens table").count() > len(VIEWS)
    assert page.bad == []


def test_with_trust_the_views_draw(lab, lab_page, trusted):
    lab.open(lab_page, trusted)
    lab_page.wait_for_function(f"document.querySelectorAll('.safr-lens').length === {len(VIEWS)}")
    lab_page.wait_for_function("document.querySelectorAll('.safr-lens .static').length === 0")
    first = lab_page.locator(".safr-lens .colored-tokens").first
    first.scroll_into_view_if_needed()
    assert first.inner_text().split() == TOKENS
    assert lab_page.locator(".safr-lens .view canvas").count() > 0
    number = lab_page.locator(".safr-lens td.number").first
    name = lab_page.locator(".safr-lens tbody th").first
    assert number.evaluate("one => getComputedStyle(one).textAlign") == "right"
    assert name.evaluate("one => getComputedStyle(one).textAlign") == "left"
    assert lab_page.bad == []


def test_a_cell_that_runs_again_keeps_the_script(lab, lab_page, source):
    notebook = copy.deepcopy(source)
    load = next(cell for cell in source.cells if cell.id == "load")
    show = "views.contributions(safr, 'the film is dull')"
    notebook.cells = [copy.deepcopy(load), new_code_cell(show), new_code_cell(show), new_code_cell("views.tokens")]
    path = lab.folder / "live.ipynb"
    nbformat.write(notebook, path)
    lab.open(lab_page, path.name)
    lab_page.wait_for_selector("text=/ipykernel.*Idle/")
    cells = lab_page.locator(".jp-CodeCell")

    def run(place: int, count: int) -> None:
        cells.nth(place).locator(".jp-InputArea-prompt").first.click()
        lab_page.keyboard.press("Control+Enter")
        lab_page.wait_for_function(f"document.querySelector('.jp-Notebook').textContent.includes('[{count}]:')")

    for count, place in enumerate((0, 1, 2), 1):
        run(place, count)
    lab_page.wait_for_function("document.querySelectorAll('.safr-lens .colored-tokens').length === 4")
    assert lab_page.evaluate(HOLDERS) == [1]
    run(1, 4)
    run(2, 5)
    lab_page.wait_for_function("document.querySelectorAll('.safr-lens .colored-tokens').length === 4")
    assert lab_page.evaluate(HOLDERS) == [1]
    lab_page.keyboard.press("Control+s")
    lab_page.wait_for_selector(".jp-Document-title-dirty, .jp-mod-dirty", state="detached")
    saved = json.loads(path.read_text(encoding="utf-8"))
    assert [BUNDLE in json.dumps(cell) for cell in saved["cells"]] == [False, True, False, False]
    assert lab_page.bad == []
