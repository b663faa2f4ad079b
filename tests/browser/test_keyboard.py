"""Headings in order, words for every picture, and everything that opens or scrolls reached with Tab."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.browser.pages import PAGES, wait_until_drawn

LEVELS = """all => all.filter((one) => one.getAttribute('role') !== 'presentation').map((one) => +one.tagName[1])"""
UNREACHABLE = """() => [...document.querySelectorAll('*')].filter((one) => {
  const css = getComputedStyle(one);
  const scrolls = (one.scrollHeight > one.clientHeight + 1 && /auto|scroll/.test(css.overflowY))
    || (one.scrollWidth > one.clientWidth + 1 && /auto|scroll/.test(css.overflowX));
  return scrolls && one !== document.documentElement && one.tabIndex < 0 && !one.querySelector('[tabindex], select');
}).map((one) => one.outerHTML.slice(0, 150))"""
FOCUSED = "document.activeElement.tagName + ' ' + (document.activeElement.getAttribute('aria-label') ?? '')"


@pytest.mark.parametrize("name", PAGES)
def test_headings_are_in_order(name, saved, open_page):
    page = open_page(saved[name])
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    wait_until_drawn(page)
    levels = page.eval_on_selector_all("h1, h2, h3, h4, h5, h6", LEVELS)
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", PAGES)
def test_pictures_say_what_they_show(name, saved, open_page):
    page = open_page(saved[name])
    wait_until_drawn(page)
    said = page.eval_on_selector_all("img", "all => all.map((one) => one.alt)")
    assert all(len(one) > 30 and one.endswith(".") for one in said)
    labels = page.eval_on_selector_all(".view", "all => all.map((one) => one.getAttribute('aria-label'))")
    assert all(labels)
    assert all(page.eval_on_selector_all("canvas", "all => all.map((one) => one.getAttribute('aria-label'))"))
    assert page.evaluate("[...document.querySelectorAll('select')].every((one) => one.labels.length === 1)")
    ids = page.eval_on_selector_all("[id]", "all => all.map((one) => one.id)")
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_what_scrolls_can_be_reached(name, width, saved, open_page):
    page = open_page(saved[name], width=width)
    wait_until_drawn(page)
    assert page.evaluate(UNREACHABLE) == []


def tab_to(page, start: str, most: int = 60) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).startswith(start):
            return
    raise AssertionError(f"{start!r} was not reached with Tab")


def test_enter_opens_a_text_of_the_report(saved, open_page):
    page = open_page(saved["report"])
    wait_until_drawn(page)
    drawn = page.locator("script[data-drawn]").count()
    groups = page.locator("section[aria-labelledby$=figures] > details").count()
    assert groups > 2
    for _ in range(groups + 2):  # the groups of measures, and the first text, which is open already
        tab_to(page, "SUMMARY")
    page.keyboard.press("Enter")
    wait_until_drawn(page)
    assert page.locator("script[data-drawn]").count() > drawn
    assert page.locator("details[open]").count() == 2


def test_a_neuron_is_chosen_with_the_keyboard(saved, open_page):
    page = open_page(saved["allocation"])
    wait_until_drawn(page)
    for _ in range(2):  # what to show, then which neuron
        tab_to(page, "SELECT")
    before = page.evaluate("document.activeElement.value")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") != before


def test_a_head_is_chosen_with_the_keyboard(saved, open_page):
    page = open_page(saved["attention"])
    wait_until_drawn(page)
    tab_to(page, "DIV show H1")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('.view').innerText.includes('H1 Zoomed')")
    assert page.bad == []
