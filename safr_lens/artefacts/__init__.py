"""Folders of files that belong together: changed in one step, by one process at a time, checked when they are read."""

from safr_lens.artefacts.change import changing, check_own_manifest, locked, remove_folder, settle
from safr_lens.artefacts.checksums import checked_content, file_checksum, with_checksum
from safr_lens.artefacts.manifest import MANIFEST, Manifest, checks_files, read_manifest, verified
from safr_lens.artefacts.reading import read_whole

__all__ = [
    "MANIFEST",
    "Manifest",
    "changing",
    "check_own_manifest",
    "checked_content",
    "checks_files",
    "file_checksum",
    "locked",
    "read_manifest",
    "read_whole",
    "remove_folder",
    "settle",
    "verified",
    "with_checksum",
]
