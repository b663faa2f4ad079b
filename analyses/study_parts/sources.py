"""The data of the study, and word vectors for training and for judging, from texts that do not overlap."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

from safr_lens import HookedClassifier, TextData, load_data, train_tokenizer
from safr_lens.data.dataset import SPLITS
from safr_lens.data.rows import Texts
from safr_lens.data.tokenizer import TextTokenizer
from safr_lens.errors import DataError
from safr_lens.models.encoder_words import encoder_word_vectors
from safr_lens.word_vectors import read_word_vectors, training_vectors, word_vectors
from safr_lens.word_vectors.vectors import WordVectors
from study_parts.grid import FILE

IMDB_ROWS = {
    "imdb": {"train": 2000, "validation": 400, "test": 800},
    "imdb_6000": {"train": 6000, "validation": 400, "test": 800},
}
IMDB_LENGTH = 128


@dataclass(frozen=True)
class Source:
    """One data set of the study.

    Attributes:
        data: its splits.
        tokenizer: made from its training split, or an encoder's.
        own: word vectors of the training split, or the encoder's token embeddings.
        vectors: of all packaged imdb training reviews, and of a file, by name.
        judge: word vectors that the monosemanticity score is measured with, from texts that neither a training nor the
            other vectors saw.
        settings: of the model and training that this data needs.
        note: what the data is.
    """

    data: TextData
    tokenizer: TextTokenizer
    own: WordVectors
    vectors: dict[str, WordVectors]
    judge: WordVectors
    settings: dict[str, int]
    note: str


def load_source(
    name: str,
    *,
    sst2: Path | None = None,
    limit: int | None = None,
    encoder: Path | None = None,
    file: Path | None = None,
) -> Source:
    """Load ``rotten_tomatoes``, ``sst2`` (from a folder with train.tsv and validation.tsv), ``imdb`` or ``imdb_6000``.

    Args:
        name: of the data.
        sst2: folder of SST-2; its validation split is the test split here, as its test labels are not public.
        limit: at most so many texts of each split, for a quick look.
        encoder: folder of a pretrained encoder, whose word pieces take the place of words.
        file: word vectors from elsewhere.
    """
    data = study_data(name, sst2)
    reviews, settings, note = _imdb(), {}, "all rows"
    judged_by, reviewed = (reviews["validation"], reviews["test"]), (reviews["train"],)
    if rows := IMDB_ROWS.get(name):
        chosen = {split: spaced(data[split], rows[split]) for split in SPLITS}
        judged_by = tuple(others(data[split], rows[split]) for split in ("validation", "test"))
        data = dataclasses.replace(data, splits=chosen)
        settings, note = {"n_ctx": IMDB_LENGTH}, f"{rows} evenly spaced rows, cut to {IMDB_LENGTH} tokens"
    if limit is not None:
        data = dataclasses.replace(data, splits={split: spaced(data[split], limit) for split in SPLITS})
        judged_by, reviewed = (tuple(spaced(part, limit) for part in parts) for parts in (judged_by, reviewed))
    if encoder is None:
        tokenizer = train_tokenizer(data["train"]["text"])
        own = training_vectors(data, tokenizer, used=True)
    else:
        model = HookedClassifier.from_pretrained_backbone(encoder, labels=data.labels)
        tokenizer, own = model.tokenizer, encoder_word_vectors(model)
    reviews, judge = (word_vectors(Texts(*parts), tokenizer) for parts in (reviewed, judged_by))
    vectors = {"imdb": reviews} | ({FILE: read_word_vectors(file, tokenizer)} if file else {})
    return Source(data, tokenizer, own, vectors, judge, settings, note)


def study_data(name: str, sst2: Path | None = None) -> TextData:
    """Load data by its name; ``sst2`` from a folder, with its validation split as the test split."""
    if name in IMDB_ROWS:
        return load_data("imdb")
    if name != "sst2":
        return load_data(name)
    if sst2 is None:
        raise DataError("SST-2 is not packaged. Name a folder with its train.tsv and validation.tsv: --sst2 FOLDER.")
    data = load_data({"train": sst2 / "train.tsv", "test": sst2 / "validation.tsv"})
    return dataclasses.replace(data, source="sst2")


@functools.cache
def _imdb() -> TextData:
    return load_data("imdb")


def others(split, kept: int):
    """Return the rows that :func:`spaced` leaves out."""
    places = sorted(set(range(len(split))) - _places(len(split), kept))
    return split.select(places) if hasattr(split, "select") else [split[i] for i in places]


def _places(n: int, kept: int) -> set[int]:
    return {round(i * n / kept) for i in range(kept)} if kept < n else set(range(n))


def spaced(split, kept: int):
    """Return rows evenly spaced, since they may be sorted by class."""
    places = sorted(_places(len(split), kept))
    return split.select(places) if hasattr(split, "select") else [split[i] for i in places]
