"""A manifest says what belongs together: every changed bit of a file or of itself is noticed."""

from __future__ import annotations

import json
import random

import pytest
import xxhash

from safr_lens.artefacts import MANIFEST, changing, file_checksum, read_manifest, verified
from safr_lens.artefacts.manifest import UNCHECKED, Manifest
from safr_lens.errors import CheckpointError


@pytest.fixture
def folder(tmp_path):
    with changing(tmp_path / "kept", about={"seed": 3}) as new:
        (new / "a.bin").write_bytes(bytes(range(256)) * 9)
        (new / "b.txt").write_text("words")
    return tmp_path / "kept"


def test_it_says_sizes_checksums_and_what_the_files_are_of(folder):
    kept = read_manifest(folder)
    assert kept.about == {"seed": 3}
    assert {name: record.size for name, record in kept.files.items()} == {"a.bin": 2304, "b.txt": 5}
    assert kept.files["b.txt"].xxh3_128 == xxhash.xxh3_128(b"words").hexdigest()


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**20 + 1])
def test_a_checksum_is_that_of_the_whole_file(tmp_path, size):
    content = random.Random(size).randbytes(size)
    (tmp_path / "a").write_bytes(content)
    assert file_checksum(tmp_path / "a") == xxhash.xxh3_128(content).hexdigest()


def test_every_flipped_bit_of_a_file_is_noticed(folder):
    content = (folder / "a.bin").read_bytes()
    draw = random.Random(0)
    for _ in range(50):
        place, bit = draw.randrange(len(content)), draw.randrange(8)
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        (folder / "a.bin").write_bytes(changed)
        with pytest.raises(CheckpointError, match=r"a.bin is damaged, or was changed"):
            verified(folder / "a.bin")


def test_every_flipped_bit_of_the_manifest_is_noticed_or_leaves_its_meaning(folder):
    path, meant = folder / MANIFEST, read_manifest(folder)
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        try:
            assert read_manifest(folder) in (meant, None)  # None: its format is another one, nothing is compared
        except CheckpointError:
            continue


def test_a_cut_file_and_one_of_another_folder_are_noticed(folder, tmp_path):
    (folder / "b.txt").write_text("word")
    with pytest.raises(CheckpointError, match="4 bytes instead of 5"):
        verified(folder / "b.txt")
    (folder / "b.txt").write_text("other")
    with pytest.raises(CheckpointError, match="checksum"):
        verified(folder / "b.txt")


def test_following_the_advice_lets_a_wanted_change_be_read(folder):
    (folder / "b.txt").write_text("other")
    with pytest.raises(CheckpointError, match=f"remove {folder / MANIFEST}"):
        verified(folder / "b.txt")
    (folder / MANIFEST).unlink()
    assert verified(folder / "b.txt").read_text() == "other"


def test_the_switch_leaves_checksums_out(folder, monkeypatch):
    (folder / "b.txt").write_text("other")
    monkeypatch.setenv(UNCHECKED, "0")
    assert verified(folder / "b.txt") == folder / "b.txt"


def test_folders_without_a_manifest_and_files_that_it_does_not_name_pass(folder, tmp_path):
    (folder / "mine.txt").write_text("mine")
    assert verified(folder / "mine.txt").read_text() == "mine"
    assert verified(tmp_path / "none" / "a.txt") == tmp_path / "none" / "a.txt"
    assert read_manifest(tmp_path / "none") is None


def test_a_manifest_of_something_else_is_none_of_ours(folder):
    (folder / MANIFEST).write_text(json.dumps({"name": "a web page", "icons": []}))
    assert read_manifest(folder) is None


def test_a_manifest_that_is_no_json_is_damaged(folder):
    (folder / MANIFEST).write_text(Manifest().to_json()[:30])
    with pytest.raises(CheckpointError, match=r"manifest.json is damaged"):
        read_manifest(folder)
