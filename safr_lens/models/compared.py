"""Which pairs of tokens a training compared, kept with the weights so that tables and views show the same pairs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from typing_extensions import TypedDict

from safr_lens.artefacts import verified
from safr_lens.atomic import replacing
from safr_lens.documents import checked, parse_json, read_json
from safr_lens.errors import CheckpointError, first_line

COMPARED, RECORD = "compared_pairs.safetensors", "metrics.json"
MOST_BYTES = 64 * 2**20
NAMES = {
    "words": "pairs of related words (cosine above {:g})",
    "attention": "pairs that attend to each other (above {:g} times uniform attention)",
}


class Said(TypedDict):
    """What the file of the compared pairs says in its header."""

    pairs: Literal["words", "attention", "none"]
    threshold: float | None
    word_vectors: str | None


@dataclass(frozen=True)
class ComparedPairs:
    """Which pairs of tokens the penalty of a training treated as correlated.

    Attributes:
        pairs: ``"words"`` (related words), ``"attention"`` (tokens that attend to each other) or ``"none"`` (no term
            compared pairs of tokens).
        threshold: cosine, or multiple of uniform attention, above which a pair counted; None where it has none, as in
            the authors' release, which weights every pair by its attention.
        source: where the word vectors come from.
        vectors: of each token id, NaN where a word has none; None where they were not kept.

    >>> ComparedPairs("words", 0.5).name
    'pairs of related words (cosine above 0.5)'
    """

    pairs: str
    threshold: float | None = None
    source: str | None = None
    vectors: Float[Tensor, "d_vocab d_embed"] | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """What was compared, in plain words."""
        if self.pairs == "none":
            return "no pairs of tokens"
        return "pairs weighted by attention" if self.threshold is None else NAMES[self.pairs].format(self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Return all but the vectors, as JSON holds it."""
        return {"pairs": self.pairs, "threshold": self.threshold, "word_vectors": self.source}


def save_compared(compared: ComparedPairs | None, folder: Path) -> None:
    """Write what was compared, with vectors of at most 64 MiB; without a record an older one is removed."""
    if compared is None:
        (folder / COMPARED).unlink(missing_ok=True)
        return
    vectors = compared.vectors
    kept = vectors is not None and vectors.numel() * vectors.element_size() <= MOST_BYTES
    tensors = {"vectors": vectors.detach().cpu().contiguous()} if kept else {}
    with replacing(folder / COMPARED) as path:
        save_file(tensors, path, {"compared": json.dumps(compared.to_dict())})


def load_compared(folder: Path, *, d_vocab: int) -> ComparedPairs | None:
    """Return what the training of a model compared; None where nothing says so.

    Raises:
        CheckpointError: a damaged file, or vectors of another vocabulary.
    """
    path = folder / COMPARED
    if not path.is_file():
        return _from_settings(folder)
    try:
        with safe_open(verified(path), "pt") as file:
            said = checked(Said, parse_json(file.metadata()["compared"]))
            vectors = file.get_tensor("vectors") if "vectors" in file.keys() else None  # noqa: SIM118  (no mapping)
        pairs = ComparedPairs(said["pairs"], said["threshold"], said["word_vectors"], vectors)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is damaged: {first_line(error)}. Remove it; the model loads without it."
        ) from None
    if vectors is not None and (vectors.ndim != 2 or not vectors.is_floating_point()):
        raise CheckpointError(f"{path} is damaged: its vectors are {vectors.dtype} of shape {list(vectors.shape)}.")
    if vectors is not None and len(vectors) != d_vocab:
        raise CheckpointError(f"{path} has vectors of {len(vectors):,} token ids; the tokenizer has {d_vocab:,}.")
    return pairs


def _from_settings(folder: Path) -> ComparedPairs | None:
    """Return what a run that kept no file says in its settings."""
    try:
        penalty = read_json(folder / RECORD)["settings"]["penalty"]
        if "pairs" not in penalty:
            return {"none": ComparedPairs("none"), "embedding": ComparedPairs("attention")}.get(penalty["site"])
        words = penalty["pairs"] == "words"
        return ComparedPairs(penalty["pairs"], penalty["word_threshold" if words else "threshold"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
