"""What trained runs are measured on: a split, and where the word vectors come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from safr_lens.data.dataset import Split
from safr_lens.runs.measured_split import MeasuredSplit, measured_split
from safr_lens.runs.record import RunRecord
from safr_lens.word_vectors.resolve import check_one_source, vector_data


@dataclass(frozen=True, kw_only=True)
class MeasuredData(MeasuredSplit):
    """The rows to measure on, and the texts that word vectors come from.

    Attributes:
        vector_texts: texts of their own, so that the vectors know nothing of what is measured.
        vectors_name: where the vectors come from.
        vectors: a file of vectors, which is used instead of the texts.
        vectors_from: the data that the user named for word vectors, if any.
    """

    vector_texts: Sequence[Split]
    vectors_name: str
    vectors: Path | None = None
    vectors_from: str | None = None


def measured_data(
    source: Any,
    split: str,
    *,
    classes: Sequence[str],
    runs: Sequence[RunRecord] = (),
    word_vectors: str | Path | None = None,
    word_vectors_from: str | None = None,
    **reading: Any,
) -> MeasuredData:
    """Load a split to measure on, and say where its word vectors come from.

    From the file ``word_vectors``, the texts of ``word_vectors_from``, or else the training split of the same data.
    The other arguments are those of :func:`safr_lens.runs.measured_split.measured_split`.

    Raises:
        ConfigError, DataError: data that cannot be used, or that lacks the split.
    """
    check_one_source(word_vectors, word_vectors_from)
    chosen = measured_split(source, split, classes=classes, runs=runs, **reading)
    measured = partial(MeasuredData, **vars(chosen))
    if word_vectors is not None:
        return measured(vector_texts=(), vectors_name=f"the file {word_vectors}", vectors=Path(word_vectors))
    if word_vectors_from is not None:
        texts = tuple(vector_data(word_vectors_from, cut_missing=False).values())
        name = f"all texts of {word_vectors_from}"
        return measured(vector_texts=texts, vectors_name=name, vectors_from=word_vectors_from)
    if chosen.train is None:
        return measured(vector_texts=(chosen.rows,), vectors_name="the measured texts")
    name = f"the training split of {chosen.name.partition(' split of ')[2]}"
    return measured(vector_texts=(chosen.train,), vectors_name=name)
