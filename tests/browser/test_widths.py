"""Phone and desk: no page scrolls sideways, however long its words."""

from __future__ import annotations

import pytest

from safr_lens import HookedClassifier, ModelConfig, views
from tests.browser.hostile import SEPARATOR, whole_tokens
from tests.browser.pages import PAGES, page_of, screenshot, wait_until_drawn

TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LONG = ["x" * 10_000, "<wide>" * 100, "word", "中" * 500, "W" * 60, "a-b_c." * 50]


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways(name, width, saved, open_page, tmp_path):
    page = open_page(saved[name], width=width)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    wait_until_drawn(page)
    if width == 390:
        screenshot(page, f"{name}-phone", tmp_path)
    assert page.evaluate(TOO_WIDE) <= 0


@pytest.mark.parametrize("width", [390, 1280])
def test_long_words_do_not_widen_a_page(width, open_page, tmp_path):
    config = ModelConfig(d_model=16, n_heads=2, d_mlp=16, d_vmask=8, n_ctx=16)
    model = HookedClassifier.from_config(config, tokenizer=whole_tokens(LONG), labels=LONG[:2])
    text = SEPARATOR.join(LONG)
    of_text = [views.allocation, views.tokens, views.superposition, views.contributions, views.attention]
    made = [make(model, text) for make in of_text]
    made.append(views.neuron(model, 5 * [{"text": text, "label": 0}], 3, k=1))
    page = open_page(page_of(made, tmp_path / "long.html"), width=width)
    wait_until_drawn(page)
    assert page.evaluate(TOO_WIDE) <= 0
    assert page.bad == []


def test_the_dark_scheme_is_dark(saved, open_page, tmp_path):
    for name in PAGES:
        page = open_page(saved[name], scheme="dark")
        wait_until_drawn(page)
        screenshot(page, f"{name}-dark", tmp_path)
        paper, ink = page.evaluate(
            "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('h1')).color]"
        )
        assert paper == "rgb(20, 24, 31)" and ink == "rgb(231, 235, 241)"
