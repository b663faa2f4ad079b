"""Which cells of a notebook hold the script bundle."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import IPython
import pytest

from safr_lens.views import contributions, notebook


class Shell:
    """What an IPython shell does around a cell, for a front end that names its cells."""

    def __init__(self):
        self.execution_count = 0
        self.parent_header = {}
        self.hooks = []
        self.events = SimpleNamespace(register=lambda event, hook: self.hooks.append((event, hook)))

    def run(self, view, *, cell=None, deleted=()):
        """Run a cell that shows a view, or nothing; return whether its output holds the bundle."""
        self.execution_count += 1
        named = {"cellId": cell, "deletedCells": list(deleted)} if cell else {}
        self.parent_header = {"metadata": named}
        for event, hook in self.hooks:
            assert event == "pre_run_cell"
            hook(None)
        return view is not None and "CircuitsVis=" in view._repr_html_()


@pytest.fixture
def shell(monkeypatch):
    made = Shell()
    monkeypatch.setattr(notebook, "_carrier", notebook._Carrier())
    monkeypatch.setattr(IPython, "get_ipython", lambda: made)
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    return made


@pytest.fixture
def view(make_model):
    return contributions(make_model(), "a dull film")


def test_first_cell_holds_it_alone(shell, view):
    assert [shell.run(view, cell=name) for name in "abc"] == [True, False, False]


def test_a_cell_that_shows_two_views_holds_it_once(shell, view):
    assert shell.run(view, cell="a")
    assert "CircuitsVis=" not in view._repr_html_()


def test_it_stays_when_the_cell_runs_again(shell, view):
    assert [shell.run(view, cell=name) for name in "aabba"] == [True, True, False, False, True]


def test_it_moves_on_when_the_cell_shows_no_view_any_more(shell, view):
    shell.run(view, cell="a")
    shell.run(None, cell="a")
    assert [shell.run(view, cell=name) for name in "ba"] == [True, False]


def test_it_moves_on_when_the_cell_was_deleted(shell, view):
    shell.run(view, cell="a")
    assert shell.run(view, cell="b", deleted=["a"])


def test_without_names_of_cells_the_first_run_holds_it(shell, view):
    assert [shell.run(view) for _ in range(3)] == [True, False, False]


def test_another_shell_starts_anew(shell, view, monkeypatch):
    shell.run(view, cell="a")
    other = Shell()
    monkeypatch.setattr(IPython, "get_ipython", lambda: other)
    assert other.run(view, cell="a")


def test_outside_of_notebooks_each_view_holds_it(monkeypatch, view):
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    assert all("CircuitsVis=" in view._repr_html_() for _ in range(2))
