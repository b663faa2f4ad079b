"""Files that are replaced whole or not at all, and the near matches of error messages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from safr_lens import SafrLensError, errors
from safr_lens.atomic import HERE, replacing, write_json, write_text
from safr_lens.errors import near_matches


def test_a_finished_block_replaces_the_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent.parent == path.parent  # a rename across file systems is no rename
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_failing_block_leaves_the_old_file_and_no_temporary_one(tmp_path, failure):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(failure), replacing(path) as temporary:
        temporary.write_text("half of the n")
        raise failure
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_failing_block_makes_no_new_file(tmp_path):
    with pytest.raises(ValueError), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise ValueError
    assert os.listdir(tmp_path) == []


def test_what_a_library_leaves_beside_the_file_goes_with_it(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        (temporary.parent / ".tmpA1b2C3").write_text("half")
        temporary.write_text("new")
    assert os.listdir(tmp_path) == ["a.txt"]


def test_the_folder_is_made(tmp_path):
    write_text(tmp_path / "deep" / "down" / "a.txt", "text")
    assert (tmp_path / "deep" / "down" / "a.txt").read_text() == "text"


def test_the_file_gets_the_users_usual_permissions(tmp_path):
    (tmp_path / "usual.txt").write_text("text")
    write_text(tmp_path / "a.txt", "text")
    modes = [(tmp_path / name).stat().st_mode for name in ("a.txt", "usual.txt")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_json_refuses_what_json_does_not_know_and_keeps_the_old_file(tmp_path, number):
    path = tmp_path / "a.json"
    write_json(path, {"loss": 1.5})
    with pytest.raises(ValueError):
        write_json(path, {"loss": [number]})
    assert json.loads(path.read_text()) == {"loss": 1.5}
    assert os.listdir(tmp_path) == ["a.json"]


def test_json_comes_back_as_it_was(tmp_path):
    value = {"text": "naïve 😀 \n </script>", "numbers": [1, 0.1, 1e-30, None, True], "empty": {}}
    write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == value


def test_lone_surrogates_are_replaced_and_all_else_is_kept(tmp_path):
    write_text(tmp_path / "a.txt", "a \ud800 b \udfff c 😀\r\n\ufeff")
    assert (tmp_path / "a.txt").read_bytes().decode("utf-8") == "a \ufffd b \ufffd c 😀\r\n\ufeff"


def test_json_with_a_lone_surrogate_can_be_written_and_read(tmp_path):
    write_json(tmp_path / "a.json", {"token": "x\ud83d"})
    assert json.loads(Path(tmp_path / "a.json").read_text(encoding="utf-8")) == {"token": "x\ufffd"}


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("epoch", ["epochs", "seed"], " Did you mean 'epochs'?"),
        ("zzz", ["epochs", "seed"], ""),
        ("a", [], ""),
        ("label", ["Label"], " Did you mean 'Label'?"),
    ],
)
def test_near_matches_are_offered_and_far_ones_are_not(name, known, said):
    assert near_matches(name, known) == said


def test_at_most_three_near_matches_are_offered_the_nearest_first():
    offered = near_matches("abcdef", ["abcdxx", "abcdef", "abcdex", "abcxxx", "xbcdef"])
    assert offered.startswith(" Did you mean 'abcdef' or ")
    assert offered.count("'") == 6


def test_near_matches_take_names_that_are_no_text():
    assert near_matches(10, [10, 11, "layers"]).startswith(" Did you mean '10'")


def test_every_error_of_the_module_is_of_the_one_family():
    made = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert len(made) >= 7
    assert all(issubclass(kind, SafrLensError) for kind in made)


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    dead, living = (tmp_path / f".a.txt.{HERE}-{pid}-x1_y.tmp" for pid in (ended.pid, os.getppid()))
    for path in (dead, living, tmp_path / ".a.txt.tmp"):  # files, as earlier versions wrote them
        path.write_text("half")
    folder = tmp_path / f".b.txt.{HERE}-{ended.pid}-x1_y.tmp"
    folder.mkdir()
    (folder / "b.txt").write_text("half")
    write_text(tmp_path / "b.txt", "text")
    assert sorted(os.listdir(tmp_path)) == sorted([living.name, ".a.txt.tmp", "b.txt"])


def test_what_the_system_refuses_to_other_languages_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="No space left on device") as error, replacing(tmp_path / "a"):
        raise RuntimeError("I/O error: whatever (os error 28)")
    assert error.value.errno == 28
    with pytest.raises(RuntimeError), replacing(tmp_path / "a"):
        raise RuntimeError("something else")
    assert os.listdir(tmp_path) == []
