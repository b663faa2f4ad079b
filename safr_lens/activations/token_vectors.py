"""What a frozen encoder, or its frozen lower blocks, make of texts: computed once, kept on disk, read by memory map."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from safetensors import safe_open
from torch import Tensor

from safr_lens.activations.fingerprint import hashed
from safr_lens.activations.manifest import Manifest, shard_path
from safr_lens.activations.store import SHARD_TOKENS, ActivationStore, load_activations
from safr_lens.activations.stream import MAX_POSITIONS, text_batches
from safr_lens.activations.writing import StoreWriter, of_shards
from safr_lens.artefacts import locked
from safr_lens.backbones import NeuronHeadAdapter
from safr_lens.backbones.edits import is_edited
from safr_lens.backbones.headed import HeadedAdapter
from safr_lens.backbones.lower_blocks import passed_over
from safr_lens.backbones.neuron_head import knowing
from safr_lens.models.classifier import HookedClassifier

DTYPE = "float32"
Digest = bytes


@dataclass(frozen=True)
class KeptPart:
    """The part of a model's encoder that is frozen, for good or at present, and so need not run twice.

    Attributes:
        adapter: of the model.
        n_blocks: how many of the lowest blocks; None for all of the encoder, whose token vectors a head reads.
    """

    adapter: HeadedAdapter
    n_blocks: int | None = None

    @property
    def point(self) -> str:
        """Where what it makes is."""
        encoder = self.adapter.encoder
        return encoder.residual((encoder.n_layers if self.n_blocks is None else self.n_blocks) - 1)

    @property
    def weights(self) -> dict[str, Tensor]:
        """Its weights."""
        module = self.adapter.encoder.module
        if self.n_blocks is None:
            return module.state_dict()
        trained = {name for name, weight in module.named_parameters() if weight.requires_grad}
        return {name: tensor for name, tensor in module.state_dict().items() if name not in trained}

    @property
    def points(self) -> set[str]:
        """The hook points that tell what it does, or change it: those of its blocks and all that is in no block."""
        trained = () if self.n_blocks is None else self.adapter.trained
        above = {module for block in trained for module in block.modules()}
        return {name for name, point in self.adapter.encoder.hook_points.items() if point not in above}

    def positions(self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]) -> Bool[Tensor, "batch pos"]:
        """Return where something is kept: at the text alone, or at special tokens too, to which other blocks attend."""
        return self.adapter.text_positions(tokens, mask) if self.n_blocks is None else mask

    def is_hooked(self) -> bool:
        """Whether a hook of the user or an edit is in it."""
        points = (self.adapter.encoder.hook_points[name] for name in self.points)
        return any(point.fwd_hooks or point.bwd_hooks or is_edited(point) for point in points)


class TokenVectors:
    """Kept vectors of texts, found by the texts' token ids.

    Args:
        stores: written by :func:`keep_token_vectors`.
        part: of the encoder, whose outputs they are.
    """

    def __init__(self, stores: Iterable[ActivationStore], part: KeptPart) -> None:
        self.part = part
        self._places: dict[Digest, tuple[Tensor, Int[Tensor, " pos"]]] = {}
        for store in stores:
            for number in range(len(store.manifest.shards)):
                with safe_open(shard_path(store.folder, number), framework="pt") as file:
                    tokens, lengths = file.get_tensor("tokens"), file.get_tensor("lengths")
                    vectors = file.get_tensor(self.part.point)  # a map of the file, not a copy of it
                self._add(tokens, lengths, vectors)

    def _add(self, tokens: Tensor, lengths: Tensor, vectors: Tensor) -> None:
        real = self.part.positions(tokens.unsqueeze(0), torch.ones(1, len(tokens), dtype=torch.bool))[0]
        parts = (one.split(lengths.tolist()) for one in (torch.arange(len(tokens)), tokens, real))
        for rows, ids, text in zip(*parts, strict=True):
            self._places[digest(ids[text])] = vectors, rows[text]

    def __call__(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos d_model"] | None:
        """Return the vectors at the texts' positions and 0 at others, or None where one of the texts is not kept."""
        if self.part.n_blocks is not None and self.part.is_hooked():
            return None
        text = self.part.positions(tokens, mask)
        places = [self._places.get(digest(ids[real])) for ids, real in zip(tokens.cpu(), text.cpu(), strict=True)]
        if any(place is None for place in places):
            return None
        vectors = torch.cat([place[0][place[1]] for place in places if place is not None])
        return at_text(vectors, text, self.part.adapter.embedding)

    def used(self) -> AbstractContextManager[None]:
        """Let the model's forward passes read them instead of running that part, for the length of a block."""
        adapter = self.part.adapter
        if self.part.n_blocks is not None:
            return passed_over(adapter.encoder, self.part.n_blocks, self)
        assert isinstance(adapter, NeuronHeadAdapter)
        return knowing(self, adapter)


def keep_token_vectors(
    model: HookedClassifier,
    data: Any,
    folder: Path,
    *,
    part: KeptPart,
    progress: Callable[[int], None] | None = None,
) -> ActivationStore:
    """Run a frozen part of a model's encoder over data and keep what it makes, or find it where it is kept already.

    It stands in a folder of its own, named after the part's weights and the texts' token ids, so that all
    trainings of heads on the same texts share them. An interrupted call resumes.

    Args:
        model: on an encoder.
        data: texts, or rows with ``text``; read twice.
        folder: in which that folder is made.
        part: of its encoder.
        progress: told how many texts are done.
    """
    name = _part_name(model, part)
    inside = folder / f"{name[:16]}-{_texts_name(model, data)[:16]}"
    asked = Manifest(name, (), {part.point: ()}, (), DTYPE, SHARD_TOKENS, MAX_POSITIONS)
    batches = text_batches(model, data, max_positions=MAX_POSITIONS)
    if part.n_blocks is not None:
        batches = (replace(batch, special_ids=()) for batch in batches)  # special tokens are kept too
    with locked(inside, patience=-1):  # another training may be about to keep the same
        writing = StoreWriter(inside, asked, progress=progress)
        for group in of_shards(batches, SHARD_TOKENS):
            writing.shard(model, group)
        writing.finish()
    return load_activations(inside)


def vectors_folder() -> Path:
    """Return where token vectors are kept by default: in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "safr_lens" / "token_vectors"


def _part_name(model: HookedClassifier, part: KeptPart) -> str:
    config = json.dumps([model.config.encoder, model.config.n_ctx, model.tokenizer.pad_id], sort_keys=True)
    lower = [] if part.n_blocks is None else [part.point]
    return hashed([config, model.tokenizer.tokenizer.to_str(), *lower], part.weights)


def _texts_name(model: HookedClassifier, data: Any) -> str:
    sha = hashlib.sha256()
    for batch in text_batches(model, data):
        for ids, real in zip(batch.tokens, batch.mask, strict=True):
            sha.update(digest(ids[real]))
    return sha.hexdigest()


def needs_encoder(adapter: NeuronHeadAdapter) -> bool:
    """Whether the token vectors may change: the encoder is trained, or a hook of the user or an edit is in it."""
    return not adapter.frozen or KeptPart(adapter).is_hooked()


def at_text(
    vectors: Float[Tensor, "n_tokens d_model"], text: Bool[Tensor, "batch pos"], like: Tensor
) -> Float[Tensor, "batch pos d_model"]:
    """Lay vectors out over the positions of texts, with 0 elsewhere, in type and place of another tensor."""
    out = like.new_zeros(*text.shape, vectors.shape[1])
    out[text] = vectors.to(like.device, like.dtype)
    return out


def digest(ids: Int[Tensor, " pos"]) -> Digest:
    """Return the name of a text by its token ids."""
    return hashlib.blake2b(ids.numpy().tobytes(), digest_size=16).digest()
