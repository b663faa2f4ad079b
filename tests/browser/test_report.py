"""The report in a real browser: offline, legible, and inert whatever the texts say."""

from __future__ import annotations

import pytest
import torch

from safr_lens.measures import type_means
from safr_lens.views import ReportText, sentence_view, write_report
from safr_lens.views.inert import WORD_JOINER

HOSTILE = (
    "a good <br /> film",
    "</script><img src=x onerror=alert(1)>",
    "<img/src=x/onerror=alert(3)>",
    "<!--<script>alert(4)",
    "<style>body{display:none}</style>",
    "&lt;b&gt; &amp; \"quotes\" 'and' `more`",
    "</div></section><h1>injected</h1>",
    "{{ 7 * 7 }} {% raw %} ${7}",
    "line\nbreak\ttab \u202eright to left\u202c zero\u200bwidth",
    "emoji 👩‍👩‍👧 and a lone surrogate \ud800",
    "x" * 10_000,
)


@pytest.fixture
def write_page(make_model, tmp_path):
    def write(texts):
        model = make_model(labels=("<b>bad</b>", "</script>good"))
        words = torch.arange(model.tokenizer.d_vocab)
        means = type_means(words, [torch.rand(len(words), 32)], min_count=1)
        views = [[sentence_view(model, text, means, name=name) for name in ("plain <i>", "SAFR")] for text in texts]
        path = tmp_path / "report.html"
        write_report(
            path,
            title="Title </title><script>alert(5)</script>",
            intro=["<img src=x onerror=alert(6)>"],
            table=[{"name": "<b>", "values": ["1", "2"], "change": "&lt;", "meaning": "</td>"}],
            warnings=["<script>alert(7)</script>"],
            texts=[ReportText(text, model.labels[0], pair) for text, pair in zip(texts, views, strict=True)],
            facts={"<dt>": "</dd>"},
        )
        return path, views

    return write


def shown(text: str) -> str:
    return text.replace(WORD_JOINER, "").replace("\xa0", " ")


def test_hostile_texts_are_shown_as_text_and_nothing_runs(page, write_page):
    path, _ = write_page(HOSTILE)
    page.goto(f"file://{path}")
    page.wait_for_function("document.querySelectorAll('.view .static').length === 0")
    assert page.bad == []
    assert page.locator("main img, main style, main script, body > h1, b, i").count() == 0
    texts = [shown(text) for text in page.locator("blockquote").all_inner_texts()]
    assert texts[:3] == list(HOSTILE[:3])
    assert texts[5] == HOSTILE[5]
    assert "[U+202E]right" in texts[8]
    assert texts[10] == HOSTILE[10]
    assert "<br />" in shown(page.locator(".view").first.inner_text())


def test_every_token_and_its_importance_can_be_read_back(page, write_page):
    path, views = write_page(["a gripping , funny film", "the worst film of the year"])
    page.goto(f"file://{path}")
    page.wait_for_function("document.querySelectorAll('.view .static').length === 0")
    first = page.locator("#view-0")
    assert first.inner_text().split() == views[0][0].tokens
    for position, importance in enumerate(views[0][0].importance):
        first.locator(".colored-tokens > span > span").nth(position).hover()
        tooltip = first.locator("[data-popper-placement]")
        assert float(tooltip.inner_text().split()[-1]) == pytest.approx(importance, abs=1e-3)
        page.mouse.move(0, 0)


def test_the_most_and_least_important_tokens_are_named(page, write_page):
    path, views = write_page(["a gripping , funny film"])
    page.goto(f"file://{path}")
    [shown_first, *_] = page.locator(".ranked").all_inner_texts()
    importance = dict(zip(views[0][0].tokens, views[0][0].importance, strict=True))
    for token in (max(importance, key=importance.get), min(importance, key=importance.get)):
        assert f"{token} {importance[token]:.2f}" in shown_first


def test_the_page_reads_without_scripts(chromium, write_page):
    path, views = write_page(["a gripping , funny film"])
    context = chromium.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(f"file://{path}")
    assert page.locator("#view-0").inner_text().split() == views[0][0].tokens
    assert page.locator(".served > li").count() == sum(len(view.served) for view in views[0])
    context.close()


def test_the_page_fits_a_phone_and_a_desk(page, write_page):
    path, _ = write_page(HOSTILE)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"file://{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_one_script_bundle_a_page(write_page):
    path, _ = write_page(["a gripping , funny film"] * 6)
    assert path.stat().st_size < 1_600_000
