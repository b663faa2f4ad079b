"""How heavy is a page with 20 views, how fast does a browser show it, and how long does a notebook wait for a view?

Makes 20 allocation views of a classifier of the default size (untrained, or a trained one with --run) and a page that
holds them, each to be opened on demand as in a report. Prints the page's weight, the seconds of ``_repr_html_`` a view,
and, from marks inside the page in headless Chromium without a network, the time from navigation until the first view
is drawn and until all 20 are. Every connection that Python would open is counted; there should be none.

Example: python analyses/report_speed.py --run runs/safr
"""

from __future__ import annotations

import argparse
import shutil
import socket
import statistics
import tempfile
import time
from pathlib import Path

from safr_lens import HookedClassifier, ModelConfig, load_data, train_tokenizer, views
from safr_lens.views import View
from safr_lens.views.rendering import bundle, render, style

N_VIEWS = 20
READY = "() => [...document.querySelectorAll('details[open] .view')].every((one) => !one.querySelector('.static'))"
# performance.now() counts from the start of the navigation; two frames later the browser has painted
FIRST = """() => { const look = () => document.querySelector('details[open] .view .colored-tokens')
  ? requestAnimationFrame(() => requestAnimationFrame(() => { window.firstDrawn = performance.now(); }))
  : requestAnimationFrame(look); look(); }"""
ALL = f"""() => new Promise((done) => {{
  const from = performance.now();
  for (const one of document.querySelectorAll('details')) one.open = true;
  const look = () => ({READY})()
    ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - from)))
    : requestAnimationFrame(look);
  requestAnimationFrame(look);
}})"""


def count_connections() -> list[object]:
    """Return a list that grows with every connection that this process opens from now on."""
    opened: list[object] = []
    connect = socket.socket.connect

    def counted(self, address):
        opened.append(address)
        return connect(self, address)

    socket.socket.connect = counted
    return opened


def made_views(options: argparse.Namespace) -> list[View]:
    """Return 20 allocation views of reviews."""
    split = load_data(options.data, cut_missing=False)["test"]
    if options.run:
        model = HookedClassifier.from_pretrained(options.run)
    else:
        tokenizer = train_tokenizer(split["text"], min_frequency=1)
        model = HookedClassifier.from_config(ModelConfig(), tokenizer=tokenizer, labels=["negative", "positive"])
    return [views.allocation(model, text, truncate=True) for text in split["text"][:N_VIEWS]]


def save(made: list[View], path: Path) -> None:
    """Save views as one page, each in a part of its own, the first of them open."""
    parts = [view.rendered(f"v{number}") for number, view in enumerate(made)]
    page = str(render("page", prefix="page", title="20 views", parts=parts, style=style(), bundle=bundle()).html)
    for number, part in enumerate(parts):
        opened = " open" if number == 0 else ""
        page = page.replace(str(part.html), f"<details{opened}><summary>text {number}</summary>{part.html}</details>")
    path.write_text(page, encoding="utf-8")


def in_browser(path: Path) -> tuple[float, float]:
    """Return the milliseconds until the first view is drawn, and from opening all of them until they are."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        page = browser.new_context(offline=True).new_page()
        page.add_init_script(f"addEventListener('DOMContentLoaded', {FIRST})")
        page.goto(path.as_uri())
        page.wait_for_function("() => window.firstDrawn")
        times = page.evaluate("window.firstDrawn"), page.evaluate(ALL)
        browser.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="rotten_tomatoes")
    parser.add_argument("--run", help="the folder of a trained run")
    parser.add_argument("--repeats", type=int, default=5, help="how often a browser opens the page")
    options = parser.parse_args()
    opened = count_connections()
    made = made_views(options)
    shown = []
    for view in made:
        started = time.perf_counter()
        view._repr_html_()
        shown.append(time.perf_counter() - started)
    print(f"_repr_html_ of a view: {1000 * statistics.median(shown):.0f} ms, at most {1000 * max(shown):.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "views.html"
        save(made, path)
        print(f"a page with {N_VIEWS} views: {path.stat().st_size / 1e6:.2f} MB")
        print(f"connections opened: {len(opened)}")
        if not shutil.which("chromium"):
            print("no Chromium, so no time in a browser")
            return
        times = [in_browser(path) for _ in range(options.repeats)]
    for name, values in zip(("first view drawn after", "all views drawn in"), zip(*times, strict=True), strict=True):
        print(f"{name}: {statistics.median(values):.0f} ms ({min(values):.0f} to {max(values):.0f})")


if __name__ == "__main__":
    main()
