"""Folders of files that belong together: changed in one step, by one process at a time, checked when they are read."""

from safr_lens.artefacts.change import changing, locked, settle
from safr_lens.artefacts.manifest import MANIFEST, Manifest, file_sha256, read_manifest, verified
from safr_lens.artefacts.reading import read_whole

__all__ = [
    "MANIFEST",
    "Manifest",
    "changing",
    "file_sha256",
    "locked",
    "read_manifest",
    "read_whole",
    "settle",
    "verified",
]
