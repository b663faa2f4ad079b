"""What trained runs are measured on: a split, and where the word vectors come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from safr_lens.data.dataset import SPLITS, Split
from safr_lens.data.load import load_data
from safr_lens.errors import DataError, near_matches
from safr_lens.word_vectors.resolve import check_one_source


def held_out_split(
    source: str, split: str, *, classes: Sequence[str], **columns: Any
) -> tuple[Split, Mapping[str, str]]:
    """Return one split of some data for a trained model, and the class of each label; a single file is used whole.

    Args:
        source: as in :func:`safr_lens.load_data`.
        split: which split.
        classes: of the model.
        **columns: ``labels``, ``text_column``, ``label_column``, ``header``, ``encoding``, ``streaming``.

    Raises:
        DataError: data that cannot be used, or that lacks the split.
    """
    if split not in SPLITS:
        raise DataError(f"Unknown split {split!r}; expected {', '.join(SPLITS)}.{near_matches(split, SPLITS)}")
    single_file = Path(source).is_file()
    data = load_data(source, classes=classes, cut_missing=not single_file, **columns)
    name = "test" if single_file else split
    return data[name], data.label_mapping[name]


@dataclass(frozen=True)
class MeasuredData:
    """A split to measure on, and the texts that word vectors come from.

    Attributes:
        split: rows with ``text`` and ``label``.
        vector_texts: texts of their own, so that the vectors know nothing of what is measured.
        vectors_name: where the vectors come from.
        vectors: a file of vectors, which is used instead of the texts.
        vectors_from: the data that the user named for word vectors, if any.
        label_mapping: the class that each label of the data means.
    """

    split: Split
    vector_texts: Sequence[Split]
    vectors_name: str
    vectors: Path | None = None
    vectors_from: str | None = None
    label_mapping: Mapping[str, str] = field(default_factory=dict)


def measured_data(
    source: str,
    split: str,
    *,
    classes: Sequence[str],
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
    chosen, mapping = held_out_split(source, split, classes=classes, **columns)
    measured = partial(MeasuredData, chosen, label_mapping=mapping)
    if word_vectors is not None:
        return measured((), f"the file {word_vectors}", Path(word_vectors))
    if word_vectors_from is not None:
        others = load_data(word_vectors_from, cut_missing=False)
        return measured(tuple(others.values()), f"all texts of {word_vectors_from}", vectors_from=word_vectors_from)
    if Path(source).is_file() or split == "train":
        return measured((chosen,), "the measured texts")
    train_texts, _ = held_out_split(source, "train", classes=classes, **columns)
    return measured((train_texts,), f"the training split of {source}")
