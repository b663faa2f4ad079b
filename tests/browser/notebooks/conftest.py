"""The notebook of the views, executed without a network on two tiny runs."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from safr_lens import SafrPenalty, TrainConfig, load_data, train
from tests.browser.pages import recording_page
from tests.training.corpus import LABELS, rows, tiny_classifier

SOURCE = Path(__file__).parents[3] / "analyses" / "allocation_views.ipynb"
VIEWS = ("allocation", "tokens", "contributions", "neuron", "attention", "superposition", "beside")
TOKENS = ["the", "acting", "is", "funny", "and", "hilarious", ",", "but", "the", "story", "is", "dull", "and", "boring"]
BUNDLE = "CircuitsVis="
# for the notebook's kernel alone: imported by pytest, it would cut off the tests themselves
collect_ignore = ["no_network"]


@dataclass(frozen=True)
class Executed:
    """The executed notebook, the folder in which it ran, and the connections that it tried to open."""

    notebook: NotebookNode
    folder: Path
    environment: dict[str, str]
    connections: str

    def html(self, cell: str) -> list[str]:
        """The HTML outputs of a cell, by the cell's id."""
        [found] = [one for one in self.notebook.cells if one.id == cell]
        return [output.data["text/html"] for output in found.outputs if "text/html" in output.get("data", {})]


@pytest.fixture(scope="session")
def source() -> NotebookNode:
    return nbformat.read(SOURCE, as_version=4)


@pytest.fixture(scope="session")
def executed(source, tmp_path_factory) -> Executed:
    folder = tmp_path_factory.mktemp("notebook")
    reviews = folder / "reviews.csv"
    with reviews.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows([row["text"], LABELS[row["label"]]] for row in rows(160, seed=3))
    data = load_data(str(reviews))
    for name, penalty in (("unregularised", SafrPenalty(site="none")), ("safr", SafrPenalty())):
        train(tiny_classifier(), data, TrainConfig(epochs=2), penalty=penalty, out=folder / name, progress=False)
    environment = {
        **os.environ,
        "SAFR_LENS_RUNS": str(folder),
        "SAFR_LENS_DATA": str(reviews),
        "CONNECTIONS": str(folder / "connections.txt"),
        "PYTHONPATH": str(Path(__file__).parent / "no_network"),
        "OMP_NUM_THREADS": "1",
    }
    notebook = nbformat.from_dict(source)
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment)
    log = folder / "connections.txt"
    return Executed(notebook, folder, environment, log.read_text() if log.exists() else "")


@pytest.fixture
def page(chromium):
    """A page without a network; ``page.bad`` lists its requests, dialogs and errors."""
    page = recording_page(chromium)
    yield page
    page.context.close()
