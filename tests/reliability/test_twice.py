"""Two real processes on one folder; ``python tests/reliability/twice.py`` starts them 20 times."""

from __future__ import annotations

from tests.reliability import commands, twice


def test_of_two_trainings_on_one_folder_one_runs_and_one_is_refused(tmp_path):
    commands.prepare(tmp_path / "place")
    for number in range(3):
        assert twice.started_twice(tmp_path / "place", tmp_path / f"out-{number}") == ""
