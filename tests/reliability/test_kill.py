"""Commands killed at some of their file operations; ``python tests/reliability/kill.py`` kills them at all."""

from __future__ import annotations

import pytest

from tests.reliability import commands
from tests.reliability.kill import killed


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    commands.prepare(folder)
    return folder


@pytest.mark.parametrize("case", commands.CASES, ids=lambda case: case.name)
def test_a_killed_command_leaves_a_whole_folder_and_the_next_ends_bit_identical(place, case):
    found = killed(case, place, points=3, seed=1)
    assert set(found) <= {"old", "new", "unfinished"}, found
