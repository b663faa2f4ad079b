"""On paper: black on white, with the colours that are values, and no table cut off."""

from __future__ import annotations

A4 = 718  # pixels between Chromium's own margins
PAINTED = "[style*=background], .bar, .scale, .colored-tokens span"
NOT_KEPT = f"""[...document.querySelectorAll('{PAINTED}')]
    .filter(one => getComputedStyle(one).printColorAdjust !== 'exact').length"""
CUT = """[...document.querySelectorAll('.table, .tall')]
    .filter(one => one.scrollWidth > one.clientWidth + 1 || one.scrollHeight > one.clientHeight + 1).length"""


def test_a_printed_report_keeps_its_colours_and_cuts_no_table(saved, open_page):
    page = open_page(saved["report"], width=A4, scheme="dark")
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 24, 31)"
    page.emulate_media(media="print")
    assert page.locator(PAINTED).count() > 20
    assert page.evaluate(NOT_KEPT) == 0
    assert page.evaluate(CUT) == 0
    ink = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    assert ink == "rgb(27, 35, 48)"


def test_no_arrow_stands_alone_in_a_line(saved, open_page):
    titles = open_page(saved["report"]).eval_on_selector_all(
        "[data-figure] > th", "all => all.map(one => one.textContent)"
    )
    arrows = [title for title in titles if title[-1] in "↑↓"]
    assert arrows and all(title[-2] == "\N{NO-BREAK SPACE}" for title in arrows)
