"""Some damages of each kind of artefact; ``python tests/reliability/flips.py`` tries 200 of each."""

from __future__ import annotations

import pytest

from tests.reliability import commands, flips

KINDS = ("run", "resume state", "analysis", "store")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return flips.artefacts(tmp_path_factory.mktemp("flips") / "place")


@pytest.mark.parametrize("kind", KINDS)
def test_every_damage_is_noticed_or_changes_nothing(made, kind):
    assert set(made) == set(KINDS)
    found = flips.changed(*made[kind], times=16)
    assert not flips.n_faults(found), found
    assert found["noticed"] >= 12


def test_files_of_another_run_are_noticed(made):
    folder, read = made["run"]
    other = folder.parent / "other"
    assert commands.call(*commands.train(folder.parent, other, "--seed", 5)) == 0
    found = flips.swapped(folder, other, read)
    # words, pairs and fingerprints of the rows are the same whatever the seed
    assert not flips.n_faults(found), found
    assert found["noticed"] >= 3
