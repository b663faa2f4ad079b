"""Token vectors of a frozen encoder: computed once, kept on disk, and read by memory map while a head is trained."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
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
from safr_lens.backbones import NeuronHeadAdapter
from safr_lens.backbones.edits import is_edited
from safr_lens.backbones.neuron_head import knowing
from safr_lens.models.classifier import HookedClassifier

DTYPE = "float32"
Digest = bytes


class TokenVectors:
    """Kept token vectors of texts, found by the texts' token ids.

    Args:
        stores: written by :func:`keep_token_vectors`.
        adapter: of the model that they are of.
    """

    def __init__(self, stores: Iterable[ActivationStore], adapter: NeuronHeadAdapter) -> None:
        self.adapter = adapter
        self._places: dict[Digest, tuple[Tensor, Int[Tensor, " pos"]]] = {}
        for store in stores:
            for number in range(len(store.manifest.shards)):
                with safe_open(shard_path(store.folder, number), framework="pt") as file:
                    tokens, lengths = file.get_tensor("tokens"), file.get_tensor("lengths")
                    vectors = file.get_tensor(adapter.token_vectors)  # a map of the file, not a copy of it
                self._add(tokens, lengths, vectors)

    def _add(self, tokens: Tensor, lengths: Tensor, vectors: Tensor) -> None:
        real = self.adapter.text_positions(tokens.unsqueeze(0), torch.ones(1, len(tokens), dtype=torch.bool))[0]
        parts = (one.split(lengths.tolist()) for one in (torch.arange(len(tokens)), tokens, real))
        for rows, ids, text in zip(*parts, strict=True):
            self._places[digest(ids[text])] = vectors, rows[text]

    def __call__(
        self, tokens: Int[Tensor, "batch pos"], mask: Bool[Tensor, "batch pos"]
    ) -> Float[Tensor, "batch pos d_model"] | None:
        """Return the vectors at the texts' positions and 0 at others, or None where one of the texts is not kept."""
        text = self.adapter.text_positions(tokens, mask)
        places = [self._places.get(digest(ids[real])) for ids, real in zip(tokens.cpu(), text.cpu(), strict=True)]
        if any(place is None for place in places):
            return None
        found = torch.cat([place[0][place[1]] for place in places if place is not None])
        return at_text(found, text, self.adapter.embedding)

    def used(self) -> AbstractContextManager[None]:
        """Let the model's forward passes read them instead of running the encoder, for the length of a block."""
        return knowing(self, self.adapter)


def keep_token_vectors(
    model: HookedClassifier, data: Any, folder: Path, *, progress: Callable[[int], None] | None = None
) -> ActivationStore:
    """Run a model's encoder over data and keep its token vectors, or find them where they are kept already.

    They stand in a folder of their own, named after the encoder's weights and the texts' token ids, so that all
    trainings of heads on the same texts share them. An interrupted call resumes.

    Args:
        model: with a neuron head.
        data: texts, or rows with ``text``; read twice.
        folder: in which that folder is made.
        progress: told how many texts are done.
    """
    adapter = _adapter(model)
    inside = folder / f"{_encoder_name(model)[:16]}-{_texts_name(model, data)[:16]}"
    points = dict.fromkeys([adapter.token_vectors], ())
    asked = Manifest(_encoder_name(model), (), points, (), DTYPE, SHARD_TOKENS, MAX_POSITIONS)
    writing = StoreWriter(inside, asked, overwrite=False, progress=progress)
    for group in of_shards(text_batches(model, data, max_positions=MAX_POSITIONS), SHARD_TOKENS):
        writing.shard(model, group)
    writing.finish()
    return load_activations(inside)


def vectors_folder() -> Path:
    """Return where token vectors are kept by default: in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "safr_lens" / "token_vectors"


def _adapter(model: HookedClassifier) -> NeuronHeadAdapter:
    assert isinstance(model.adapter, NeuronHeadAdapter)
    return model.adapter


def _encoder_name(model: HookedClassifier) -> str:
    config = json.dumps([model.config.encoder, model.config.n_ctx, model.tokenizer.pad_id], sort_keys=True)
    return hashed([config, model.tokenizer.tokenizer.to_str()], _adapter(model).encoder.module.state_dict())


def _texts_name(model: HookedClassifier, data: Any) -> str:
    sha = hashlib.sha256()
    for batch in text_batches(model, data):
        for ids, real in zip(batch.tokens, batch.mask, strict=True):
            sha.update(digest(ids[real]))
    return sha.hexdigest()


def needs_encoder(adapter: NeuronHeadAdapter) -> bool:
    """Whether the token vectors may change: the encoder is trained, or a hook of the user or an edit is in it."""
    points = adapter.encoder.hook_points.values()
    hooked = any(point.fwd_hooks or point.bwd_hooks or is_edited(point) for point in points)
    return hooked or not adapter.frozen


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
