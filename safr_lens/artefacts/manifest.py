"""``manifest.json``: which files of a folder belong together, with their sizes and checksums."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from safr_lens.artefacts.checksums import checked_content, file_checksum, with_checksum
from safr_lens.documents import read_json
from safr_lens.errors import CheckpointError

MANIFEST = "manifest.json"
FORMAT = "safr_lens.files/1"
UNCHECKED = "SAFR_LENS_CHECK_FILES"  # set to 0, files are read without comparing their checksums


@dataclass(frozen=True)
class FileRecord:
    """Size in bytes and checksum (xxh3, 128 bits) of a file."""

    size: int
    xxh3_128: str


@dataclass(frozen=True)
class Manifest:
    """What a folder holds.

    Attributes:
        files: by name, relative to the folder.
        about: what they are of, as JSON holds it: versions, settings, fingerprints of the data.
    """

    files: Mapping[str, FileRecord] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return the manifest as JSON that contains its own checksum."""
        files = {name: asdict(record) for name, record in sorted(self.files.items())}
        content = {"format": FORMAT, "safr_lens": _version(), "about": dict(self.about), "files": files}
        return json.dumps(with_checksum(content), indent=2, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder; None where there is none, as in folders of earlier versions, or another's.

    Raises:
        CheckpointError: a damaged one.
    """
    path = folder / MANIFEST
    try:
        content = read_json(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        return None
    try:
        content = checked_content(content)
        files = {str(name): FileRecord(**record) for name, record in content["files"].items()}
        return Manifest(files, dict(content["about"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, error) from None


def verified(path: Path) -> Path:
    """Return the path of a file that is as the manifest of its folder says, or that no manifest names.

    A file that is missing is left to its reader.

    Raises:
        CheckpointError: a file that has been changed since it was written.
    """
    manifest = read_manifest(path.parent)
    if manifest is None or path.name not in manifest.files:
        return path
    record = manifest.files[path.name]
    try:
        size = path.stat().st_size
        if size != record.size:
            raise _changed(path, f"it has {size:,} bytes instead of {record.size:,}")
        if checks_files() and file_checksum(path) != record.xxh3_128:
            raise _changed(path, "its checksum is another one")
    except (FileNotFoundError, NotADirectoryError):
        return path
    except OSError as error:
        raise _damaged(path, error) from None
    return path


def checks_files() -> bool:
    """Whether checksums are compared, for which each file is read once more."""
    return os.environ.get(UNCHECKED) != "0"


def recorded(path: Path) -> FileRecord:
    """Return size and checksum of a file."""
    return FileRecord(path.stat().st_size, file_checksum(path))


def _version() -> str:
    try:
        return version("safr-lens")
    except PackageNotFoundError:
        return "unknown"


def _changed(path: Path, how: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is damaged, or was changed since it was written: {how}. Restore it, or make it anew. To use it as it "
        f"is, remove {path.parent / MANIFEST}, which says what was written."
    )


def _damaged(path: Path, error: Exception) -> CheckpointError:
    reason = f"it lacks {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
    return CheckpointError(f"{path} is damaged ({reason:.200}). Restore it, or remove it to read the folder unchecked.")
