"""Files that are read while another process changes them come from one change."""

from __future__ import annotations

import pytest

from safr_lens.artefacts import changing, read_whole
from safr_lens.errors import CheckpointError


def write(folder, number):
    with changing(folder) as new:
        for name in ("a.txt", "b.txt"):
            (new / name).write_text(str(number))


def test_what_changed_while_it_was_read_is_read_again(tmp_path):
    write(tmp_path, 1)
    numbers = iter((2, 3))

    def read():
        one = (tmp_path / "a.txt").read_text()
        if number := next(numbers, None):
            write(tmp_path, number)
        return one, (tmp_path / "b.txt").read_text()

    assert read_whole(tmp_path, read) == ("3", "3")


def test_an_error_counts_only_where_nothing_changed_meanwhile(tmp_path):
    write(tmp_path, 1)
    tries = []

    def read():
        tries.append(1)
        if len(tries) == 1:
            write(tmp_path, 2)
        raise CheckpointError("damaged")

    with pytest.raises(CheckpointError, match="damaged"):
        read_whole(tmp_path, read)
    assert len(tries) == 2


def test_a_folder_without_a_manifest_is_read_once(tmp_path):
    assert read_whole(tmp_path, iter([1]).__next__) == 1
