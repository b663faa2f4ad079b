"""A run keeps which rows it was trained on; a training is not resumed on other ones."""

from __future__ import annotations

import dataclasses
import shutil

import pyarrow.parquet
import pytest
import torch
from datasets import Dataset, IterableDataset

from safr_lens import SafrPenalty, TrainConfig, train
from safr_lens.data.row_fingerprints import text_number
from safr_lens.data.splits import FEATURES
from safr_lens.errors import CheckpointError
from safr_lens.training import loop
from safr_lens.training.trained_rows import ROWS, check_same_rows, fingerprints, read_rows
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=48, n_other=16)


def fit(data=DATA, **options):
    config = TrainConfig(batch_size=8, learning_rate=1e-2, epochs=3)
    penalty = SafrPenalty(site="none", information_weight=0.1)
    return train(tiny_classifier(), data, config, penalty=penalty, progress=False, **options)


def with_rows(split, rows):
    return dataclasses.replace(DATA, splits={**DATA.splits, split: Dataset.from_list(rows, features=FEATURES)})


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """A training that was interrupted in its second epoch."""
    folder = tmp_path_factory.mktemp("rows") / "run"
    steps = iter(range(8))
    original = loop.batch_terms

    def stopping(*args, **kwargs):
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "batch_terms", stopping)
        with pytest.raises(KeyboardInterrupt):
            fit(out=folder)
    return folder


@pytest.fixture
def begun(unfinished, tmp_path):
    return shutil.copytree(unfinished, tmp_path / "run")


def test_a_run_keeps_the_rows_of_each_split_and_no_text(tmp_path):
    fit(out=tmp_path / "run")
    table = pyarrow.parquet.read_table(tmp_path / "run" / ROWS)
    assert table.column_names == ["split", "text", "label"] and table.num_rows == 48 + 16 + 16
    kept = read_rows(tmp_path / "run")
    assert kept.keys() == DATA.keys()
    for split, rows in DATA.items():
        assert kept[split].texts.tolist() == [text_number(text) for text in rows["text"]]
        assert kept[split].labels.tolist() == rows["label"]
    written = (tmp_path / "run" / ROWS).read_bytes()
    assert not any(word in written for word in (b"boring", b"gripping", b"film"))


def test_a_stream_is_kept_as_the_same_rows(tmp_path):
    streams = {
        name: IterableDataset.from_generator(lambda rows=rows: iter(rows), features=FEATURES)
        for name, rows in DATA.items()
    }
    kept, whole = fingerprints(dataclasses.replace(DATA, splits=streams)), fingerprints(DATA)
    assert {name: one.checksum for name, one in kept.items()} == {name: one.checksum for name, one in whole.items()}


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_changed_labels_end_the_resuming_and_are_counted(begun, split):
    before = {path: path.read_bytes() for path in begun.rglob("*") if path.is_file()}
    rows = [row | {"label": 1 - row["label"]} for row in DATA[split]]
    with pytest.raises(CheckpointError, match=rf"changed since .* \({split}: {len(rows)} texts other labels\)"):
        fit(with_rows(split, rows), out=begun, resume=True)
    assert {path: path.read_bytes() for path in begun.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1:], "1 text removed"),
        (lambda rows: [*rows, {"text": "a new film", "label": 0}], "1 text new"),
        (lambda rows: rows[::-1], "another order"),
    ],
)
def test_other_texts_end_the_resuming(begun, change, said):
    with pytest.raises(CheckpointError, match=said):
        fit(with_rows("train", change(list(DATA["train"]))), out=begun, resume=True)
    assert fit(with_rows("train", change(list(DATA["train"]))), out=begun, overwrite=True).out == begun


def test_the_same_rows_from_another_place_are_resumed(begun):
    whole, resumed = fit(), fit(dataclasses.replace(DATA, source="moved.csv"), out=begun, resume=True)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_a_training_begun_before_rows_were_kept_is_resumed(begun):
    for name in (ROWS, "manifest.json"):
        (begun / "resume" / name).unlink()
    fit(out=begun, resume=True)
    assert read_rows(begun).keys() == DATA.keys()


def test_a_damaged_file_is_named(begun):
    (begun / "resume" / ROWS).write_bytes(b"no parquet")
    with pytest.raises(CheckpointError, match=rf"{ROWS} is damaged"):
        fit(out=begun, resume=True)


def test_runs_that_keep_no_rows_pass():
    check_same_rows(None, fingerprints(DATA), "run")
