"""Several files change in one step, whenever the process is killed, and never outside their folder."""

from __future__ import annotations

import os

import pytest

from safr_lens.artefacts import MANIFEST, changing, locked, read_manifest, settle, verified
from safr_lens.artefacts.change import MADE, MAKING, REMOVED
from safr_lens.errors import CheckpointError
from tests.reliability.points import killed_at_each_point


def write(folder, number, *, names=("a.txt", "b.txt"), **options):
    with changing(folder, **options) as new:
        for name in names:
            (new / name).write_text(f"{name} {number}")


def content(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.name != MANIFEST}


OLD, NEW = ({name: f"{name} {number}" for name in ("a.txt", "b.txt")} for number in (1, 2))


def test_after_a_kill_at_any_point_all_files_are_old_or_all_are_new(tmp_path):
    def begin(folder):
        write(folder, 1)
        (folder / "mine.txt").write_text("mine")

    found = []
    for folder in killed_at_each_point(tmp_path, begin, lambda folder: write(folder, 2)):
        settle(folder)
        for name in read_manifest(folder).files:
            verified(folder / name)
        with locked(folder):
            pass
        found.append(content(folder))
        write(folder, 2)
        assert content(folder) == NEW | {"mine.txt": "mine"}
    assert len(found) > 10
    assert all(one in (OLD | {"mine.txt": "mine"}, NEW | {"mine.txt": "mine"}) for one in found)
    assert OLD | {"mine.txt": "mine"} in found and NEW | {"mine.txt": "mine"} in found


def test_a_failing_block_changes_nothing(tmp_path):
    write(tmp_path, 1)
    with pytest.raises(ValueError), changing(tmp_path) as new:
        (new / "a.txt").write_text("half")
        raise ValueError
    assert content(tmp_path) == OLD


def test_a_failing_block_leaves_no_folder(tmp_path):
    with pytest.raises(ValueError), changing(tmp_path / "deep" / "down"):
        raise ValueError
    assert os.listdir(tmp_path) == []


def test_files_are_removed_in_the_same_step_and_others_are_kept(tmp_path):
    write(tmp_path, 1, about={"a": 1, "b": 1})
    write(tmp_path, 2, names=("c.txt",), removed=["a.txt", "missing.txt"], about={"a": None, "c": 2})
    assert content(tmp_path) == {"b.txt": "b.txt 1", "c.txt": "c.txt 2"}
    kept = read_manifest(tmp_path)
    assert kept.files.keys() == {"b.txt", "c.txt"} and kept.about == {"b": 1, "c": 2}


def test_an_unchanged_file_is_not_moved_and_a_damaged_one_is_replaced(tmp_path):
    write(tmp_path, 1)
    place = (tmp_path / "a.txt").stat().st_ino
    (tmp_path / "b.txt").write_text("b.txt X")
    write(tmp_path, 1)
    assert (tmp_path / "a.txt").stat().st_ino == place
    assert content(tmp_path) == OLD


def test_a_foreign_folder_removes_nothing_outside(tmp_path):
    made = tmp_path / "run" / MADE
    made.mkdir(parents=True)
    (tmp_path / "precious.txt").write_text("kept")
    (made / REMOVED).write_text(f"../precious.txt\n{tmp_path}/precious.txt\n..\n")
    settle(tmp_path / "run")
    assert (tmp_path / "precious.txt").read_text() == "kept"
    assert os.listdir(tmp_path / "run") == []


def test_a_folder_in_the_place_of_a_file_is_refused_before_the_change(tmp_path):
    (tmp_path / "a.txt").mkdir()
    with pytest.raises(CheckpointError, match=r"a.txt is a folder"):
        write(tmp_path, 1)
    assert os.listdir(tmp_path) == ["a.txt"]


def test_what_a_killed_process_began_is_removed_by_the_next(tmp_path):
    (tmp_path / f"{MAKING}abc").mkdir()
    (tmp_path / f"{MAKING}abc" / "a.txt").write_text("half")
    with locked(tmp_path):
        assert os.listdir(tmp_path) == [".safr_lens.lock"]
