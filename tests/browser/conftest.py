"""A real headless Chromium without a network."""

from __future__ import annotations

import os
import shutil

import pytest

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("chromium is not installed")
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A page that records what must not happen: requests, dialogs, errors."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, offline=True)
    context.set_default_timeout(120_000)  # a busy machine is slow, not wrong
    page = context.new_page()
    page.bad = []
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else page.bad.append(r.url))
    page.on("dialog", lambda dialog: (page.bad.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: page.bad.append(f"page error {error}"))
    page.on("console", lambda m: page.bad.append(f"console {m.text}") if m.type == "error" else None)
    yield page
    context.close()
