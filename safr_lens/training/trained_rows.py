"""Which rows a run was trained, validated and tested on: fingerprints in its folder, without the texts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from safr_lens.artefacts import verified
from safr_lens.atomic import replacing
from safr_lens.data.dataset import SPLITS, TextData
from safr_lens.data.row_fingerprints import SplitFingerprint, split_fingerprint
from safr_lens.documents import checked, parse_json
from safr_lens.errors import CheckpointError

ROWS = "rows.parquet"
CHECKSUMS = b"safr_lens.checksums"
Fingerprints = Mapping[str, SplitFingerprint]


def fingerprints(data: TextData) -> dict[str, SplitFingerprint]:
    """Return the fingerprint of each split; a stream is read once for it (16 bytes a row are kept)."""
    return {split: split_fingerprint(data[split]) for split in SPLITS if split in data}


def write_rows(folder: Path, rows: Fingerprints) -> None:
    """Write ``rows.parquet``: one row a text with its split, the 64 bits of its text, and its label."""
    names = np.repeat(list(rows), [len(one.texts) for one in rows.values()])
    columns = {
        "split": pyarrow.array(names, pyarrow.string()).dictionary_encode(),
        "text": np.concatenate([one.texts for one in rows.values()]),
        "label": np.concatenate([one.labels for one in rows.values()]),
    }
    checksums = json.dumps({split: one.checksum for split, one in rows.items()}).encode()
    table = pyarrow.table(columns).replace_schema_metadata({CHECKSUMS: checksums})
    with replacing(folder / ROWS) as path:
        pyarrow.parquet.write_table(table, path)


def read_rows(folder: Path) -> dict[str, SplitFingerprint] | None:
    """Return what :func:`write_rows` wrote; None for a run that was trained before rows were kept, or a Hub id.

    Raises:
        CheckpointError: a damaged file.
    """
    path = verified(folder / ROWS)
    if not path.is_file():
        return None
    try:
        table = pyarrow.parquet.read_table(path)
        checksums = checked(dict[str, str], parse_json(table.schema.metadata[CHECKSUMS]))
        splits, texts, labels = (table[name].to_numpy() for name in ("split", "text", "label"))
    except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException) as error:
        raise CheckpointError(
            f"{path} is damaged ({' '.join(str(error).split()):.200}). Train the run again."
        ) from None
    return {
        split: SplitFingerprint(texts[splits == split], labels[splits == split], checksum)
        for split, checksum in checksums.items()
    }


def check_same_rows(
    kept: Fingerprints | None,
    now: Fingerprints,
    folder: Path,
    *,
    columns: str = "",
) -> None:
    """Raise a CheckpointError that names what differs between the data of a run and the data now.

    A run that keeps no rows passes; ``columns`` says how the columns differ, where they may be the reason.
    """
    if kept is None:
        return
    differences = {s: kept[s].difference(now[s]) for s in SPLITS if s in kept and s in now}
    said = "; ".join(f"{split}: {difference}" for split, difference in differences.items() if difference)
    if said:
        said = f"{said}; {columns}" if columns else said
        raise CheckpointError(
            f"The data has changed since {folder} was trained on it ({said}). Restore the data, name another folder, "
            "or use --overwrite."
        )
