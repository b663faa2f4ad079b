"""Where the word vectors of an analysis come from, and whether the training used them too."""

from __future__ import annotations

import pytest

from safr_lens.runs.measured_data import measured_data
from safr_lens.runs.record import RunRecord

REVIEWS = "a gripping film,positive\na dull film,negative\n" * 30


@pytest.fixture
def files(tmp_path):
    for name in ("train.csv", "other.csv"):
        (tmp_path / name).write_text("text,label\n" + REVIEWS)
    (tmp_path / "words.vec").write_text("film 1 0\ndull 0 1\n")
    return tmp_path


def warned(files, trained, **chosen):
    run = RunRecord("run", {} if trained is None else {"word_vectors": trained.format(files)}, None)
    data = measured_data(str(files / "train.csv"), "test", classes=("negative", "positive"), runs=[run], **chosen)
    return data.vectors_warning("run")


@pytest.mark.parametrize(
    ("trained", "chosen"),
    [
        ("the training split of {0}/other.csv", {"word_vectors_from": "other.csv"}),
        ("{0}/words.vec", {"word_vectors": "words.vec"}),
    ],
)
def test_vectors_that_the_training_used_are_no_independent_judge(files, trained, chosen):
    chosen = {name: str(files / value) for name, value in chosen.items()}
    [said] = warned(files, trained, **chosen)
    assert "not independent" in said and "--word-vectors-from" in said


@pytest.mark.parametrize("trained", [None, "the training split of {0}/train.csv", "the encoder's token embeddings"])
def test_other_vectors_are_independent(files, trained):
    assert warned(files, trained, word_vectors_from=str(files / "other.csv")) == []
    assert warned(files, trained, word_vectors=str(files / "words.vec")) == []
