"""One kind of checksum in all that is written; that of earlier stores is still compared."""

from __future__ import annotations

import hashlib
import json

import pytest
import xxhash

from safr_lens.artefacts.checksums import checked_content, file_checksum, with_checksum

CONTENT = {"files": {"a": 1}, "about": {"é": [1.5, None]}}


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**21 + 7])
def test_a_file_has_the_checksum_of_its_bytes(tmp_path, size):
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    (tmp_path / "a").write_bytes(content)
    assert file_checksum(tmp_path / "a") == xxhash.xxh3_128(content).hexdigest()


def test_content_comes_back_without_its_checksum():
    assert checked_content(json.loads(json.dumps(with_checksum(CONTENT)))) == CONTENT


@pytest.mark.parametrize("change", [{"files": {}}, {"more": 1}, {"xxh3_128": "0" * 32}, {"xxh3_128": None}])
def test_changed_content_is_refused(change):
    with pytest.raises(ValueError, match="another one"):
        checked_content(with_checksum(CONTENT) | change)


def test_content_without_a_checksum_is_refused_where_one_is_required():
    with pytest.raises(ValueError, match="another one"):
        checked_content(CONTENT)
    assert checked_content(CONTENT, required=False) == CONTENT


def test_the_checksum_of_earlier_stores_is_compared():
    old = {**CONTENT, "sha256": hashlib.sha256(json.dumps(CONTENT, sort_keys=True).encode()).hexdigest()}
    assert checked_content(old, required=False) == CONTENT
    with pytest.raises(ValueError, match="another one"):
        checked_content({**old, "more": 1}, required=False)
