"""What the browser tests do with a page."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from safr_lens.views import View
from safr_lens.views.rendering import bundle, render, style

VIEWS = ("allocation", "neuron", "tokens", "attention", "superposition", "contributions")
PAGES = (*VIEWS, "report")
WORD_JOINER = "\u2060"
# what a reader would see where a value has no number
NO_NUMBER = r"\b(?:nan|NaN|inf|Infinity|None|undefined)\b"

# fallbacks that stand in open parts, pictures without a size
UNDRAWN = """() => [
  ...[...document.querySelectorAll('.static')].filter((e) => !e.closest('details:not([open])')),
  ...[...document.querySelectorAll('img')].filter((e) => !(e.complete && e.naturalWidth > 20 && e.naturalHeight > 20)),
].length"""
# per holder of a component: its text, its canvases' sizes
BLANK = """() => [...document.querySelectorAll('.view')].filter((e) => {
  if (e.closest('details:not([open])')) return false;
  const canvases = [...e.querySelectorAll('canvas')];
  return e.clientHeight < 15 || !(e.innerText.trim() || canvases.some((c) => c.width > 20 && c.height > 20));
}).length"""
# tokens whose colour is nearer to their background's than WCAG AA allows
ILLEGIBLE = """() => {
  const light = (css) => {
    const [r, g, b, a = 1] = css.match(/[\\d.]+/g).map(Number);
    const linear = [r, g, b].map((part) => {
      const share = (255 - a * (255 - part)) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  return [...document.querySelectorAll('.colored-tokens span span, .static span')].filter((token) => {
    const css = getComputedStyle(token);
    const [low, high] = [light(css.color), light(css.backgroundColor)].sort((a, b) => a - b);
    return token.offsetParent && (high + 0.05) / (low + 0.05) < 4.5;
  }).map((token) => token.innerText);
}"""


def recording_page(browser, *, width: int = 1280, scheme: str = "light", scripts: bool = True):
    """Return an empty page without a network; ``page.bad`` lists its requests, dialogs and errors."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, offline=True, color_scheme=scheme, java_script_enabled=scripts
    )
    context.set_default_timeout(90_000)  # a busy machine is slow, not wrong
    page = context.new_page()
    page.bad = []
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else page.bad.append(r.url))
    page.on("dialog", lambda dialog: (page.bad.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("pageerror", lambda error: page.bad.append(f"page error {error}"))
    page.on("console", lambda m: page.bad.append(f"console {m.text}") if m.type == "error" else None)
    return page


def wait_until_drawn(page) -> None:
    """Wait until every component and picture in an open part of the page is there."""
    page.wait_for_function(f"() => ({UNDRAWN})() === 0")
    page.wait_for_function(f"() => ({BLANK})() === 0")


def text_of(page, selector: str) -> list[str]:
    """Return the text of each element, without word joiners and with single spaces."""
    found = page.eval_on_selector_all(selector, "all => all.map((one) => one.innerText)")
    return [plain(text) for text in found]


def plain(text: str) -> str:
    return " ".join(text.replace(WORD_JOINER, "").split())


def values_of(page, selector: str) -> list[float]:
    """Return the numbers that stand in ``data-value``."""
    return [float(v) for v in page.eval_on_selector_all(selector, "all => all.map((one) => one.dataset.value)")]


def props_of(page) -> list[tuple[str, dict[str, Any]]]:
    """Return name and properties of each circuitsvis component."""
    found = page.eval_on_selector_all(
        "script[data-view]", "all => all.map((one) => [one.dataset.component, one.textContent])"
    )
    return [(name, json.loads(text)) for name, text in found]


def screenshot(page, name: str, folder: Path) -> Path:
    """Take a picture of the whole page; a copy goes to the folder that SAFR_LENS_SCREENSHOTS names."""
    path = folder / f"{name}.png"
    taken = page.screenshot(path=path, full_page=True)
    if os.environ.get("SAFR_LENS_SCREENSHOTS"):
        copy = Path(os.environ["SAFR_LENS_SCREENSHOTS"]) / f"{name}.png"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(taken)
    return path


def page_of(views: list[View], path: Path) -> Path:
    """Save several views as one page."""
    parts = [view.rendered(f"v{number}") for number, view in enumerate(views)]
    made = render("page", prefix="page", title="views", parts=parts, style=style(), bundle=bundle())
    path.write_text(made.html, encoding="utf-8")
    return path


def notebook_page(views: list[View], path: Path) -> Path:
    """Save views as a notebook shows them: their ``_repr_html_`` one after the other, in a page without a policy."""
    outputs = "\n".join(f"<section>{view._repr_html_()}</section>" for view in views)
    path.write_text(f'<!doctype html><html lang="en"><title>notebook</title><body>{outputs}</body></html>', "utf-8")
    return path
