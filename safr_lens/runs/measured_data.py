"""What trained runs are measured on: a split, and where the word vectors come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from safr_lens.data.dataset import Split
from safr_lens.runs.measured_split import Counts, measured_split
from safr_lens.runs.record import RunRecord
from safr_lens.word_vectors.resolve import check_one_source, vector_data


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
        name: of the split and its source, for people.
        split_name: which split it is; ``"all"`` for data that is not split.
        seen: how many of the texts each run was trained on, as in
            :class:`~safr_lens.runs.measured_split.MeasuredSplit`.
    """

    split: Split
    vector_texts: Sequence[Split]
    vectors_name: str
    vectors: Path | None = None
    vectors_from: str | None = None
    label_mapping: Mapping[str, str] = field(default_factory=dict)
    name: str = "the measured texts"
    split_name: str = "all"
    seen: Mapping[str, Counts] = field(default_factory=dict)


def measured_data(
    source: Any,
    split: str,
    *,
    classes: Sequence[str],
    runs: Sequence[RunRecord] = (),
    word_vectors: str | Path | None = None,
    word_vectors_from: str | None = None,
    **columns: Any,
) -> MeasuredData:
    """Load a split to measure on, and say where its word vectors come from.

    From the file ``word_vectors``, the texts of ``word_vectors_from``, or else the training split of the same data.
    The other arguments are those of :func:`safr_lens.runs.measured_split.measured_split`.

    Raises:
        ConfigError, DataError: data that cannot be used, or that lacks the split.
    """
    check_one_source(word_vectors, word_vectors_from)
    chosen = measured_split(source, split, classes=classes, runs=runs, **columns)
    measured = partial(
        MeasuredData,
        chosen.rows,
        label_mapping=chosen.label_mapping,
        name=chosen.name,
        split_name=chosen.split,
        seen=chosen.seen,
    )
    if word_vectors is not None:
        return measured((), f"the file {word_vectors}", Path(word_vectors))
    if word_vectors_from is not None:
        others = vector_data(word_vectors_from, cut_missing=False)
        return measured(tuple(others.values()), f"all texts of {word_vectors_from}", vectors_from=word_vectors_from)
    if chosen.train is None:
        return measured((chosen.rows,), "the measured texts")
    return measured((chosen.train,), f"the training split of {chosen.name.partition(' split of ')[2]}")
