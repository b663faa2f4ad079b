"""Parquet files; types that ``datasets`` declared in them, such as class names, are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from safr_lens.data.files import DataFile, FileFormat, register_format
from safr_lens.data.sources import ReadLog, ReadOptions


def _rows(file: DataFile, options: ReadOptions, log: ReadLog) -> Iterator[Mapping[str, Any]]:
    import pyarrow.parquet

    with file.open_bytes() as opened, pyarrow.parquet.ParquetFile(opened) as table:
        for batch in table.iter_batches():
            yield from batch.to_pylist()


def _features(file: DataFile) -> Mapping[str, Any]:
    import pyarrow.parquet
    from datasets import Features

    with file.open_bytes() as opened, pyarrow.parquet.ParquetFile(opened) as table:
        schema = table.schema_arrow
    return Features.from_arrow_schema(schema) if b"huggingface" in (schema.metadata or {}) else {}


register_format(FileFormat((".parquet",), _rows, text=False, features=_features))
