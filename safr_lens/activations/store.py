"""Activations kept on disk: written shard by shard, gone on with after an interruption, read back batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from safr_lens.activations.batch import ActivationBatch
from safr_lens.activations.fingerprint import fingerprint
from safr_lens.activations.manifest import DTYPES, MANIFEST, Manifest, read_manifest
from safr_lens.activations.shard import check_file, read_shard
from safr_lens.activations.stream import MAX_POSITIONS, Data, checked_hooks, pairs_among, text_batches
from safr_lens.activations.writing import StoreWriter, of_shards, own_files
from safr_lens.artefacts import changing, locked, settle
from safr_lens.artefacts import read_manifest as run_manifest
from safr_lens.backbones.edits import is_edited
from safr_lens.checks import check_choice, check_number, checked_path
from safr_lens.errors import CheckpointError, ConfigError
from safr_lens.models.classifier import HookedClassifier

SHARD_TOKENS = 100_000


@dataclass(frozen=True)
class ActivationStore:
    """Activations on disk; iterating reads them back, a batch at a time, in the type they are stored in.

    The batches, their texts and their order are those of :func:`stream_activations`, so that whatever reads the one
    can read the other, as often as it likes. An unfinished store gives the shards that it has.
    """

    folder: Path
    manifest: Manifest = field(repr=False)
    _checked: set[int] = field(default_factory=set, init=False, repr=False, compare=False)

    @property
    def hooks(self) -> tuple[str, ...]:
        """Names of the hook points."""
        return tuple(self.manifest.hooks)

    @property
    def n_texts(self) -> int:
        """Number of texts."""
        return sum(shard.n_texts for shard in self.manifest.shards)

    @property
    def n_tokens(self) -> int:
        """Number of real tokens."""
        return sum(shard.n_tokens for shard in self.manifest.shards)

    @property
    def n_cut(self) -> int:
        """How many of the texts were cut to the context."""
        return sum(shard.n_cut for shard in self.manifest.shards)

    @property
    def complete(self) -> bool:
        """Whether all the data is there; :func:`save_activations` resumes where it is not."""
        return self.manifest.complete

    def __iter__(self) -> Iterator[ActivationBatch]:
        for number in range(len(self.manifest.shards)):
            if number not in self._checked:
                check_file(self.folder, number, self.manifest)
                self._checked.add(number)
            yield from read_shard(self.folder, number, self.manifest)


def save_activations(
    model: HookedClassifier,
    data: Data,
    hooks: str | Iterable[str],
    folder: str | PathLike[str],
    *,
    dtype: str = "float32",
    shard_tokens: int = SHARD_TOKENS,
    max_positions: int = MAX_POSITIONS,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ActivationStore:
    """Run a model over data and keep the named activations in a folder, or resume where an interrupted call stopped.

    Going on runs the model on the texts that are missing alone; the data is read from its start to see that it is the
    same. What is written is then byte for byte what one call without interruption writes. A finished folder is
    returned as it is.

    Args:
        model, data, hooks, max_positions: as for :func:`stream_activations`.
        folder: where to write ``manifest.json`` and ``activations-00000.safetensors``, ...; it need not exist.
        dtype: ``"float32"``, ``"float16"`` or ``"bfloat16"``. 1,024 neurons in float32 take 4 KiB a token.
        shard_tokens: tokens a file, at most (one batch always fits); so many are in memory.
        overwrite: replace the activations that are there, once the new ones are complete.
        progress: told how many texts are done, after every batch.

    Returns:
        The store, complete.

    Raises:
        CheckpointError: the folder holds activations of another model, other data, other hook points or other
            settings, or damaged ones; or another process writes to it.
        ConfigError: an unknown type, a size that is no whole number above 0, or a value too large for float16.
        HookError, DataError, TextError: see :func:`stream_activations`.

    >>> import tempfile
    >>> from safr_lens import HookedClassifier, ModelConfig, train_tokenizer
    >>> tokenizer = train_tokenizer(["a good film"], min_frequency=1)
    >>> config = ModelConfig(d_model=16, n_heads=2, d_mlp=32, d_vmask=8)
    >>> model = HookedClassifier.from_config(config, tokenizer=tokenizer, labels=["negative", "positive"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = save_activations(model, ["a good film", "good"], "blocks.0.mlp.hook_post", folder)
    ...     print(store.n_texts, store.n_tokens, store.complete)
    ...     for batch in store:
    ...         print(batch.activations["blocks.0.mlp.hook_post"].shape)
    2 4 True
    torch.Size([4, 32])
    """
    names = tuple(sorted(checked_hooks(model, hooks)))
    check_choice("dtype", dtype, tuple(DTYPES))
    check_number("shard_tokens", shard_tokens, low=1, whole=True)
    check_number("max_positions", max_positions, low=1, whole=True)
    edited = tuple(sorted(name for name, point in model.hook_dict.items() if point.fwd_hooks or is_edited(point)))
    hooks, pairs = dict.fromkeys(names, ()), pairs_among(model, names)
    asked = Manifest(fingerprint(model), edited, hooks, pairs, dtype, shard_tokens, max_positions)
    path = checked_path(folder, what="a folder to write to")
    with locked(path), _place(path, overwrite=overwrite) as place:
        writing = StoreWriter(place, asked, progress=progress)
        for batches in of_shards(text_batches(model, data, max_positions=max_positions), shard_tokens):
            writing.shard(model, batches)
        writing.finish()
    return load_activations(folder)


@contextmanager
def _place(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield the folder itself, or where there is something to overwrite one whose files take its place at the end."""
    with suppress(CheckpointError):  # a damaged one, which is a store's as far as anybody knows
        if run_manifest(folder) is not None:
            raise ConfigError(f"{folder} holds a model or an analysis. Name another folder for the activations.")
    old = own_files(folder) if overwrite else []
    if not old:
        yield folder
        return
    with changing(folder, removed=old, described=False) as new:
        yield new


def load_activations(folder: str | PathLike[str]) -> ActivationStore:
    """Open activations written by :func:`save_activations`, complete or not; nothing is ever unpickled.

    Raises:
        CheckpointError: a folder that is missing, or whose manifest is missing, damaged or foreign. Damaged shards
            raise it when they are read.
    """
    folder = checked_path(folder, what="a folder of activations")
    is_folder = folder.is_dir()
    if is_folder:
        settle(folder)
    manifest = read_manifest(folder) if is_folder else None
    if manifest is None:
        what = f"has no {MANIFEST}" if is_folder else "is no folder"
        raise CheckpointError(f"{folder} {what}; expected activations written by save_activations.")
    return ActivationStore(folder, manifest)
