"""A real headless Chromium without a network, and one small model in every view."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from safr_lens import views
from safr_lens.reporting import build_report
from safr_lens.reporting.runs import load_run
from safr_lens.reporting.write import analyze_reported
from safr_lens.runs.measured_data import MeasuredData
from safr_lens.views import View
from tests.browser.pages import recording_page
from tests.training.corpus import rows, sentiment_data, tiny_classifier

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TEXT = "the wonderful cast and the tedious story"


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
def open_page(chromium, tmp_path) -> Callable:
    """A function: a view (or the path of a page) in a page that records what must not happen in ``page.bad``."""
    contexts = []

    def show(view: View | Path, *, width: int = 1280, scheme: str = "light", scripts: bool = True):
        path = view
        if isinstance(view, View):
            path = tmp_path / f"page-{len(contexts)}.html"
            view.save(path)
        page = recording_page(chromium, width=width, scheme=scheme, scripts=scripts)
        contexts.append(page.context)
        page.goto(path.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> list:
    """Two tiny trained runs: without and with the penalty."""
    import safr_lens

    made = []
    for seed, name in enumerate(("plain", "safr")):
        out = tmp_path_factory.mktemp("runs") / name
        # with pairs that attend to each other there are some to show
        penalty = safr_lens.SafrPenalty.preset("attention") if name == "safr" else safr_lens.SafrPenalty(site="none")
        # in so few steps the mean of the weights learns too little for pairs of tokens to show
        config = safr_lens.TrainConfig(epochs=3, learning_rate=1e-2, average_weights=False)
        safr_lens.train(tiny_classifier(seed=seed), sentiment_data(), config, penalty=penalty, out=out, progress=False)
        made.append(load_run(out))
    return made


@pytest.fixture(scope="session")
def model(trained):
    return trained[1].model


@pytest.fixture(scope="session")
def measured() -> MeasuredData:
    data = sentiment_data()
    return MeasuredData(data["test"], vector_texts=(data["train"],), vectors_name="the training split of corpus")


@pytest.fixture(scope="session")
def analyses(trained, measured) -> list:
    return analyze_reported(trained, measured, faithfulness_texts=4)


@pytest.fixture(scope="session")
def report(trained, measured, analyses) -> View:
    return build_report(trained, measured.rows, analyses, measured={"data": "the test split of corpus"})


@pytest.fixture(scope="session")
def shown(trained, model, report) -> dict[str, View]:
    """Every view and the report, by name."""
    data = rows(24, seed=2)
    return {
        "allocation": views.allocation(model, TEXT, trained[0].model, label="negative"),
        "neuron": views.neuron(model, data, 3, k=3),
        "tokens": views.tokens(model, TEXT),
        "attention": views.attention(model, TEXT),
        "superposition": views.superposition(model, TEXT),
        "contributions": views.contributions(model, TEXT),
        "report": report,
    }


@pytest.fixture(scope="session")
def saved(shown, tmp_path_factory) -> dict[str, Path]:
    """The pages of ``shown``."""
    folder = tmp_path_factory.mktemp("pages")
    for name, view in shown.items():
        view.save(folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in shown}
