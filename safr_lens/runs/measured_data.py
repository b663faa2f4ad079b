"""What trained runs are measured on: a split, and where the word vectors come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safr_lens.data.dataset import SPLITS, Split
from safr_lens.data.load import load_data
from safr_lens.errors import DataError, near_matches
from safr_lens.word_vectors.resolve import check_one_source


def held_out_split(source: str, split: str, *, labels: Sequence[str], **columns: Any) -> Split:
    """Return one split of some data for a trained model; a single file is used whole.

    Args:
        source: as in :func:`safr_lens.load_data`.
        split: which split.
        labels: the model's classes.
        **columns: ``text_column``, ``label_column``, ``streaming``.

    Raises:
        DataError: data that cannot be used, or that lacks the split.
    """
    if split not in SPLITS:
        raise DataError(f"Unknown split {split!r}; expected {', '.join(SPLITS)}.{near_matches(split, SPLITS)}")
    single_file = Path(source).is_file()
    data = load_data(source, labels=labels, cut_missing=not single_file, **columns)
    return data["test" if single_file else split]


@dataclass(frozen=True)
class MeasuredData:
    """A split to measure on, and the texts that word vectors come from.

    Attributes:
        split: rows with ``text`` and ``label``.
        vector_texts: texts of their own, so that the vectors know nothing of what is measured.
        vectors_name: where the vectors come from.
        vectors: a file of vectors, which is used instead of the texts.
        vectors_from: the data that the user named for word vectors, if any.
    """

    split: Split
    vector_texts: Sequence[Split]
    vectors_name: str
    vectors: Path | None = None
    vectors_from: str | None = None


def measured_data(
    source: str,
    split: str,
    *,
    labels: Sequence[str],
    word_vectors: str | Path | None = None,
    word_vectors_from: str | None = None,
    **columns: Any,
) -> MeasuredData:
    """Load a split to measure on, and say where its word vectors come from.

    From the file ``word_vectors``, the texts of ``word_vectors_from``, or else the training split.

    Raises:
        DataError: data that cannot be used, or that lacks the split.
    """
    check_one_source(word_vectors, word_vectors_from)
    chosen = held_out_split(source, split, labels=labels, **columns)
    if word_vectors is not None:
        return MeasuredData(chosen, (), f"the file {word_vectors}", Path(word_vectors))
    if word_vectors_from is not None:
        others = load_data(word_vectors_from, cut_missing=False)
        name = f"all texts of {word_vectors_from}"
        return MeasuredData(chosen, tuple(others.values()), name, vectors_from=word_vectors_from)
    if Path(source).is_file() or split == "train":
        return MeasuredData(chosen, (chosen,), "the measured texts")
    train_texts = held_out_split(source, "train", labels=labels, **columns)
    return MeasuredData(chosen, (train_texts,), f"the training split of {source}")
