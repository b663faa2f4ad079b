"""A single file of any registered format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safr_lens.data.files import FORMATS, open_file
from safr_lens.data.sources import Part, ReadOptions, Source, register_source


def _help() -> str:
    *names, last = sorted(FORMATS)
    return f"a {', '.join(names)} or {last} file (also .gz, or one in a .zip)"


def _parts(data: Any, options: ReadOptions) -> dict[str, Part]:
    return {"train": open_file(Path(data)).part(options)}


def _takes(data: Any) -> bool:
    return isinstance(data, (str, Path)) and Path(data).is_file()


register_source(Source("file", _help, _takes, _parts, order=60, whole=lambda data: True))
