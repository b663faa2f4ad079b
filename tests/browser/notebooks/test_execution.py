"""The notebook that users copy from runs, shows its views, and needs no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat

from tests.browser.notebooks.conftest import BUNDLE, VIEWS


def test_notebook_is_committed_without_outputs(source):
    nbformat.validate(source)
    assert (source.nbformat, source.nbformat_minor) == (4, 5)
    for cell in source.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_each_view_is_shown(executed):
    for name in VIEWS:
        [html] = executed.html(name)
        assert 'class="safr-lens safr-lens-output"' in html, name
        assert "data-component" in html, name


def test_report_is_saved(executed):
    page = (executed.folder / "report.html").read_text(encoding="utf-8")
    assert "How safr reads text, compared with unregularised" in page


def test_one_output_holds_the_script(executed):
    holders = [name for name in VIEWS if BUNDLE in executed.html(name)[0]]
    assert holders == ["allocation"]


def test_a_view_adds_little(executed):
    for name in VIEWS[1:]:
        assert len(executed.html(name)[0].encode()) < 250_000, name


def test_no_connection_is_opened(executed):
    assert executed.connections == ""


def test_the_watch_for_connections_works(executed):
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    log = executed.folder / "tried.txt"
    environment = {**executed.environment, "CONNECTIONS": str(log)}
    tried = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "no network here" in tried.stderr
    assert "192.0.2.1" in Path(log).read_text()
