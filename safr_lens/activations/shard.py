"""One file of stored activations: the texts of some batches, and a row a token of each hook point."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

import torch
from jaxtyping import Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from safr_lens.activations.batch import ActivationBatch, positions_in_text
from safr_lens.activations.manifest import DTYPES, Manifest, Shard, damaged, shard_path
from safr_lens.activations.stream import activations_of, pairs_among
from safr_lens.artefacts import checks_files, file_checksum
from safr_lens.atomic import replacing
from safr_lens.data.batching import Batch
from safr_lens.errors import CheckpointError, ConfigError
from safr_lens.models.classifier import POOLED, HookedClassifier
from safr_lens.visible import listed

INDEX = ("tokens", "positions", "rows", "example", "labels", "lengths", "batch_texts", "batch_n_cut")


def index_of(batches: list[Batch]) -> dict[str, Tensor]:
    """Return what is known of the texts of a shard ahead of any activation."""
    lengths = torch.cat([batch.text.sum(1) for batch in batches])
    return {
        "tokens": torch.cat([batch.tokens[batch.text] for batch in batches]),
        "positions": torch.cat([positions_in_text(batch.text) for batch in batches]),
        "rows": torch.repeat_interleave(lengths),
        "example": torch.cat([batch.example for batch in batches]),
        "labels": torch.cat([batch.labels for batch in batches]),
        "lengths": lengths,
        "batch_texts": torch.tensor([len(batch.example) for batch in batches]),
        "batch_n_cut": torch.tensor([batch.n_cut for batch in batches]),
    }


def described(index: Mapping[str, Tensor]) -> Shard:
    """Return counts and sha256 of the texts of a shard."""
    sha = hashlib.sha256()
    for name in INDEX:
        sha.update(index[name].contiguous().numpy())
    return Shard(len(index["example"]), len(index["tokens"]), int(index["batch_n_cut"].sum()), sha.hexdigest())


def activations_of_shard(
    model: HookedClassifier,
    batches: list[Batch],
    names: tuple[str, ...],
    *,
    dtype: str,
    told: Callable[[int], None],
) -> dict[str, Tensor]:
    """Run a model over the batches of a shard and return a tensor a hook point, in the type that is stored.

    Filled batch by batch, so that no more than one shard and one batch are in memory.
    """
    lengths = torch.cat([batch.text.sum(1) for batch in batches])
    stored: dict[str, Tensor] = {}
    pairs = pairs_among(model, names)
    filled = dict.fromkeys(names, 0)
    log_odds = model.type_log_odds()
    for batch in batches:
        made = activations_of(model, batch, names, log_odds).activations
        for name in names:
            rows = _as_rows(made[name])
            if name not in stored:
                n_rows = int(_rows_of_texts(name, lengths, pairs).sum())
                stored[name] = torch.empty(n_rows, *rows.shape[1:], dtype=DTYPES[dtype])
            part = stored[name][filled[name] : filled[name] + len(rows)].copy_(rows)
            filled[name] += len(rows)
            _check_fits(name, rows, part)
        told(len(batch.example))
    return stored


def write_shard(path: Path, index: dict[str, Tensor], stored: dict[str, Tensor]) -> None:
    """Write a shard under a temporary name and rename it into place."""
    with replacing(path) as temporary:
        save_file({**index, **stored}, temporary)


def check_file(folder: Path, number: int, manifest: Manifest) -> None:
    """Raise a CheckpointError where a file is not what was written; one that is missing is left to its reader."""
    path, said = shard_path(folder, number), manifest.shards[number].file_checksum
    if said is not None and checks_files() and path.is_file() and file_checksum(path) != said:
        raise damaged(path, "its checksum is another one")


def check_shard(folder: Path, number: int, manifest: Manifest) -> None:
    """Raise a CheckpointError where a file is missing or is not the shard that the manifest describes."""
    check_file(folder, number, manifest)
    with _opened(shard_path(folder, number)) as file:
        _checked_index(file, folder, number, manifest)


def read_shard(folder: Path, number: int, manifest: Manifest) -> Iterator[ActivationBatch]:
    """Yield the batches of a shard as the model gave them.

    Raises:
        CheckpointError: a file that is missing, damaged or foreign.
    """
    with _opened(shard_path(folder, number)) as file:
        index = _checked_index(file, folder, number, manifest)
        texts = [0, *index["batch_texts"].cumsum(0).tolist()]
        starts = {name: _starts(_rows_of_texts(name, index["lengths"], manifest.pairs)) for name in manifest.hooks}
        token_starts = _starts(index["lengths"])
        for (first, end), n_cut in zip(pairwise(texts), index["batch_n_cut"].tolist(), strict=True):
            part = slice(token_starts[first], token_starts[end])
            lengths = index["lengths"][first:end]
            yield ActivationBatch(
                tokens=index["tokens"][part],
                positions=index["positions"][part],
                rows=index["rows"][part] - first,
                example=index["example"][first:end],
                labels=index["labels"][first:end],
                n_cut=n_cut,
                activations={
                    name: _pairs(file.get_slice(name)[at[first] : at[end]], lengths)
                    if name in manifest.pairs
                    else file.get_slice(name)[at[first] : at[end]]
                    for name, at in starts.items()
                },
            )


def _opened(path: Path) -> safe_open:
    try:
        return safe_open(path, framework="pt")
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing. Store the activations anew with overwrite=True.") from None
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from None


def _checked_index(file: safe_open, folder: Path, number: int, manifest: Manifest) -> dict[str, Tensor]:
    path = shard_path(folder, number)
    if set(file.keys()) != {*INDEX, *manifest.hooks}:
        raise damaged(path, f"it holds {listed(sorted(file.keys()))}")
    index = {name: file.get_tensor(name) for name in INDEX}
    plain = all(tensor.dtype == torch.long and tensor.ndim == 1 for tensor in index.values())
    if not plain or described(index) != manifest.shards[number]:
        raise damaged(path, "its texts are not those of the manifest")
    _check_consistent(index, path)
    for name, shape in manifest.hooks.items():
        stored = file.get_slice(name)
        expected = [int(_rows_of_texts(name, index["lengths"], manifest.pairs).sum()), *shape]
        # one row tells the type; asking for it as text would depend on the version of safetensors
        if stored.get_shape() != expected or stored[:1].dtype != DTYPES[manifest.dtype]:
            raise damaged(path, f"{name} is not {expected} of {manifest.dtype}")
    return index


def _check_consistent(index: dict[str, Tensor], path: Path) -> None:
    lengths, ends = index["lengths"], index["lengths"].cumsum(0)
    if min(len(lengths), len(index["batch_texts"])) < 1 or lengths.min() < 1 or index["batch_texts"].min() < 1:
        raise damaged(path, "it has a text or a batch with nothing in it")
    n_texts, n_tokens, n_batches = int(index["batch_texts"].sum()), int(ends[-1]), len(index["batch_texts"])
    expected = [n_tokens] * 3 + [n_texts] * 3 + [n_batches] * 2
    if [len(index[name]) for name in INDEX] != expected:
        raise damaged(path, "its texts, tokens and batches do not fit each other")
    rows = torch.repeat_interleave(lengths)
    positions = torch.arange(n_tokens) - (ends - lengths)[rows]
    if not (torch.equal(index["rows"], rows) and torch.equal(index["positions"], positions)):
        raise damaged(path, "its rows or positions do not fit its lengths")


def _rows_of_texts(name: str, lengths: Int[Tensor, " n_texts"], pairs: tuple[str, ...]) -> Int[Tensor, " n_texts"]:
    if name in pairs:
        return lengths.square()
    return torch.ones_like(lengths) if name == POOLED else lengths


def _starts(counts: Int[Tensor, " n"]) -> list[int]:
    return [0, *counts.cumsum(0).tolist()]


def _as_rows(value: Tensor | list[Tensor]) -> Tensor:
    return torch.cat([pairs.flatten(1).T for pairs in value]) if isinstance(value, list) else value


def _pairs(rows: Tensor, lengths: Int[Tensor, " n_texts"]) -> list[Tensor]:
    texts = zip(rows.split(lengths.square().tolist()), lengths.tolist(), strict=True)
    return [pairs.T.reshape(-1, n, n) for pairs, n in texts]


def _check_fits(name: str, rows: Tensor, stored: Tensor) -> None:
    if stored.dtype == torch.float16 and bool((stored.isinf().to(rows.device) & rows.isfinite()).any()):
        largest = rows[rows.isfinite()].abs().max()
        raise ConfigError(f"{name} reaches {largest:.3g}, more than float16 can hold; use 'bfloat16' or 'float32'.")
