"""A folder of activations that is being filled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from safr_lens.activations.manifest import MANIFEST, MEND, Manifest, read_manifest, shard_path
from safr_lens.activations.shard import activations_of_shard, check_shard, described, index_of, write_shard
from safr_lens.artefacts import file_checksum
from safr_lens.atomic import remove_temporary
from safr_lens.data.batching import Batch
from safr_lens.errors import CheckpointError
from safr_lens.models.classifier import HookedClassifier

OWN_FILES = re.compile(r"manifest\.json|activations-\d{5,}\.safetensors")
OWN_TEMPORARIES = re.compile(rf"\.({OWN_FILES.pattern})\.[\w-]+\.tmp")


class StoreWriter:
    """A folder that is being filled: shards that are there are compared with the data, the others are made."""

    def __init__(self, folder: Path, asked: Manifest, *, progress: Callable[[int], None] | None) -> None:
        self.folder, self.progress = folder, progress
        self.number = self.n_texts = 0
        self.manifest = asked
        if folder.exists() and not folder.is_dir():
            raise CheckpointError(f"{folder} is a file; expected a folder for the activations.")
        existing = read_manifest(folder)
        if existing is not None:
            existing.check_same(asked, folder)
            self.manifest = existing
        elif own_files(folder):
            raise CheckpointError(f"{folder} holds activations without a {MANIFEST}. {MEND}")
        for path in _files(folder):
            if OWN_TEMPORARIES.fullmatch(path.name):
                remove_temporary(path)
        self.n_stored = len(self.manifest.shards)

    def shard(self, model: HookedClassifier, batches: list[Batch]) -> None:
        """Store the next shard, or see that it is stored."""
        index = index_of(batches)
        shard = described(index)
        if self.number < self.n_stored:
            check_shard(self.folder, self.number, self.manifest)
            if self.manifest.shards[self.number] != shard:
                raise self._other_data()
            self._told(shard.n_texts)
        elif self.manifest.complete:
            raise self._other_data()
        else:
            names = tuple(self.manifest.hooks)
            stored = activations_of_shard(model, batches, names, dtype=self.manifest.dtype, told=self._told)
            if not self.number:
                shapes = {name: tuple(tensor.shape[1:]) for name, tensor in stored.items()}
                self.manifest = replace(self.manifest, hooks=shapes)
                self.manifest.write(self.folder)  # ahead of any shard, so that none is ever without a manifest
            path = shard_path(self.folder, self.number)
            write_shard(path, index, stored)
            shard = replace(shard, file_checksum=file_checksum(path))
            self.manifest = replace(self.manifest, shards=(*self.manifest.shards, shard))
            self.manifest.write(self.folder)
        self.number += 1

    def finish(self) -> None:
        """Call the store complete, once the data has come to its end."""
        if self.number < self.n_stored:
            raise self._other_data()
        if not self.manifest.complete:
            self.manifest = replace(self.manifest, complete=True)
            self.manifest.write(self.folder)

    def _told(self, n_texts: int) -> None:
        self.n_texts += n_texts
        if self.progress is not None:
            self.progress(self.n_texts)

    def _other_data(self) -> CheckpointError:
        return CheckpointError(f"{self.folder} holds activations of other data (from text {self.n_texts:,}). {MEND}")


def of_shards(batches: Iterable[Batch], shard_tokens: int) -> Iterator[list[Batch]]:
    """Yield the batches in groups of at most so many tokens; one batch always fits."""
    group: list[Batch] = []
    n_tokens = 0
    for batch in batches:
        n_more = int(batch.text.sum())
        if group and n_tokens + n_more > shard_tokens:
            yield group
            group, n_tokens = [], 0
        group.append(batch)
        n_tokens += n_more
    if group:
        yield group


def own_files(folder: Path) -> list[str]:
    """Return the names of the files of a store that a folder holds."""
    return [path.name for path in _files(folder) if OWN_FILES.fullmatch(path.name)]


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
