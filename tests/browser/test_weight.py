"""Pages stay small, closed parts wait, and nothing is ever fetched."""

from __future__ import annotations

import dataclasses
import socket

import pytest

from safr_lens import HookedClassifier, ModelConfig, views
from tests.browser.pages import PAGES, VIEWS, wait_until_drawn
from tests.training.corpus import LABELS, rows, tiny_classifier

MOST = 3_000_000
N_VIEWS = 20


@pytest.fixture(scope="module")
def long_report(report):
    """A report with 20 texts of 24 tokens, read by a model of the default size, to be opened on demand."""
    config = ModelConfig(n_ctx=32)
    model = HookedClassifier.from_config(config, tokenizer=tiny_classifier().tokenizer, labels=LABELS)
    words = " ".join(row["text"] for row in rows(300, seed=5)).split()
    texts = [" ".join(words[24 * i : 24 * i + 24]) for i in range(N_VIEWS)]
    content = [("by number", views.allocation(model, text).content) for text in texts]
    return dataclasses.replace(report, content=report.content | {"texts": content})


def drawn(page) -> int:
    return page.evaluate("document.querySelectorAll('script[data-drawn]').length")


def test_a_report_with_20_views_is_small_and_draws_what_is_opened(long_report, open_page, tmp_path):
    long_report.save(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < MOST
    page = open_page(tmp_path / "report.html")
    wait_until_drawn(page)
    assert page.locator("section[aria-labelledby$=texts] > details").count() == N_VIEWS
    assert drawn(page) == 3  # importance, evidence, the choice of a neuron: of the first text, which is open
    last = page.locator("section[aria-labelledby$=texts] > details").last
    assert last.locator(".static").count() == 3
    last.locator("summary").click()
    wait_until_drawn(page)
    assert drawn(page) == 6
    assert last.locator(".static").count() == 0
    last.locator("summary").click()
    last.locator("summary").click()
    assert drawn(page) == 6
    assert page.bad == []


def test_one_bundle_a_page(saved):
    for name in PAGES:
        assert saved[name].read_text(encoding="utf-8").count("CircuitsVis=(()=>") <= 1
        assert saved[name].stat().st_size < MOST


def test_pages_name_no_address_to_load_from(saved):
    for name in PAGES:
        page = saved[name].read_text(encoding="utf-8")
        assert "default-src 'none'" in page
        markup = page.partition("<script>")[0]
        assert "http:" not in markup.replace("http-equiv", "") and "https:" not in markup


def test_showing_and_saving_opens_no_connection(shown, monkeypatch, tmp_path):
    def refuse(*address):
        raise AssertionError(f"a connection to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in VIEWS:
        assert "safr-lens-output" in shown[name]._repr_html_()
        shown[name].save(tmp_path / f"{name}.html")
    with pytest.raises(AssertionError):
        socket.create_connection(("localhost", 1))
