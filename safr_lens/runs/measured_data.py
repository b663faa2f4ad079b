"""What trained runs are measured on: a split, and where the word vectors come from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from safr_lens.data.dataset import Split
from safr_lens.runs.measured_split import MeasuredSplit, measured_split
from safr_lens.runs.record import RunRecord
from safr_lens.word_vectors.resolve import check_one_source, vector_data

WHERE = re.compile(r"^(the training split of|all texts of|the file) ")


@dataclass(frozen=True, kw_only=True)
class MeasuredData(MeasuredSplit):
    """The rows to measure on, and the texts that word vectors come from.

    Attributes:
        vector_texts: texts of their own, so that the vectors know nothing of what is measured.
        vectors_name: where the vectors come from.
        vectors: a file of vectors, which is used instead of the texts.
        vectors_from: the data that the user named for word vectors, if any.
        trained_vectors: where the word vectors come from that the training of each run used; None where it used none.
    """

    vector_texts: Sequence[Split]
    vectors_name: str
    vectors: Path | None = None
    vectors_from: str | None = None
    trained_vectors: Mapping[str, str | None] = field(default_factory=dict)

    def vectors_warning(self, run: str) -> list[str]:
        """Return what to say where the training of a run used the word vectors that it is judged by."""
        trained = self.trained_vectors.get(run)
        if trained is None or _bare(trained) != _bare(self.vectors_name):
            return []
        return [
            f"Monosemanticity and name fidelity are judged by word vectors of {self.vectors_name}, and the training "
            f"used those of {trained}: the judge is not independent. Name others with --word-vectors or "
            "--word-vectors-from (in Python: word_vectors, word_vectors_from)."
        ]


def _bare(name: str) -> Path:
    return Path(WHERE.sub("", name)).resolve()


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
    trained = {run.run: run.metrics.get("word_vectors") for run in runs}
    measured = partial(MeasuredData, **vars(chosen), trained_vectors=trained)
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
