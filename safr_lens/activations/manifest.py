"""``manifest.json`` of stored activations: of which model they are, how they were made, and which shards there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from safr_lens.artefacts import checked_content, with_checksum
from safr_lens.atomic import write_json
from safr_lens.documents import read_json
from safr_lens.errors import CheckpointError
from safr_lens.visible import listed, shown

MANIFEST = "manifest.json"
FORMAT = "safr_lens.activations/1"
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
MEND = "Name another folder, or replace what is there with overwrite=True."


@dataclass(frozen=True)
class Shard:
    """One stored file: its counts and checksums.

    Attributes:
        n_texts, n_tokens, n_cut: counts.
        sha256: of its texts (token ids, lengths, labels and numbers).
        file_checksum: xxh3 of the file, 128 bits; None in stores of earlier versions.
    """

    n_texts: int
    n_tokens: int
    n_cut: int
    sha256: str
    file_checksum: str | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Manifest:
    """What is stored in a folder.

    Attributes:
        model: fingerprint of the model.
        edited: hook points at which the model was edited by hooks of the user.
        hooks: by hook name, the shape of one row: ``(1024,)`` for 1,024 neurons.
        pairs: those of the hook points that have a row a pair of tokens.
        dtype: of the values.
        shard_tokens, max_positions: how the texts were put into shards and batches.
        shards: the files, in their order.
        complete: whether all the data is there.
    """

    model: str
    edited: tuple[str, ...]
    hooks: Mapping[str, tuple[int, ...]]
    pairs: tuple[str, ...]
    dtype: str
    shard_tokens: int
    max_positions: int
    shards: tuple[Shard, ...] = ()
    complete: bool = False

    def write(self, folder: Path) -> None:
        """Write the manifest to a folder, in place of the one that is there."""
        described = asdict(self)
        described["hooks"] = {name: {"shape": list(shape), "dtype": self.dtype} for name, shape in self.hooks.items()}
        del described["dtype"]
        write_json(folder / MANIFEST, with_checksum({"format": FORMAT, **described}))

    def check_same(self, asked: Manifest, folder: Path) -> None:
        """Raise a CheckpointError that names the first way in which what is stored is not what is asked for."""
        if self.model != asked.model:
            raise CheckpointError(f"{folder} holds activations of another model. {MEND}")
        if set(self.hooks) != set(asked.hooks):
            raise CheckpointError(
                f"{folder} holds the hook points {listed(self.hooks)}; asked for {listed(asked.hooks)}. {MEND}"
            )
        for name in ("edited", "dtype", "shard_tokens", "max_positions"):
            old, new = getattr(self, name), getattr(asked, name)
            if old != new:
                what = "hook points edited by the user" if name == "edited" else name
                raise CheckpointError(
                    f"{folder} holds activations made with other settings: {what} was {_shown(old)}, now "
                    f"{_shown(new)}. Use the old setting. {MEND}"
                )


def shard_path(folder: Path, number: int) -> Path:
    """Return the file of a shard."""
    return folder / f"activations-{number:05d}.safetensors"


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a folder, or None where there is none.

    Raises:
        CheckpointError: a damaged manifest, or one that safr_lens did not write.
    """
    path = folder / MANIFEST
    try:
        content = read_json(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise damaged(path, error) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise CheckpointError(f'{path} was not written by safr_lens (expected "format": "{FORMAT}"). {MEND}')
    try:
        return _manifest(checked_content(content, required=False))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise damaged(path, error) from None


def damaged(path: Path, reason: object) -> CheckpointError:
    """Return the error of a stored file that cannot be what was written."""
    said = f"it lacks {reason}" if isinstance(reason, KeyError) else " ".join(str(reason).split())
    return CheckpointError(f"{path} is damaged ({said:.200}). Store the activations anew with overwrite=True.")


def _manifest(content: dict[str, Any]) -> Manifest:
    hooks = {str(name): tuple(map(_count, hook["shape"])) for name, hook in content["hooks"].items()}
    dtypes = {hook["dtype"] for hook in content["hooks"].values()}
    if len(dtypes) != 1 or not dtypes <= DTYPES.keys():
        raise ValueError(f"the dtypes of its hook points are {sorted(map(str, dtypes))}")
    return Manifest(
        model=str(content["model"]),
        edited=tuple(map(str, content["edited"])),
        hooks=hooks,
        # which manifests did not say while there was one kind of backbone
        pairs=tuple(
            content.get("pairs", [name for name in hooks if name.endswith(("hook_attn_scores", "hook_pattern"))])
        ),
        dtype=dtypes.pop(),
        shard_tokens=_count(content["shard_tokens"]),
        max_positions=_count(content["max_positions"]),
        shards=tuple(
            Shard(
                _count(s["n_texts"]),
                _count(s["n_tokens"]),
                _count(s["n_cut"]),
                str(s["sha256"]),
                s.get("file_checksum"),
            )
            for s in content["shards"]
        ),
        complete=content["complete"] is True,
    )


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{shown(value, 40)} is no count")
    return value


def _shown(value: object) -> str:
    return (listed(value) or "none") if isinstance(value, tuple) else shown(value)
