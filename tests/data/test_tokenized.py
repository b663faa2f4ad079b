"""Texts are read and tokenised once, give the batches that they give without, and leave nothing behind."""

from __future__ import annotations

import resource
import tempfile
from dataclasses import replace

import pytest
import torch
from datasets import IterableDataset

from safr_lens import TextData
from safr_lens.data import tokenized as module
from safr_lens.data.batching import batches
from safr_lens.data.load import load_data
from safr_lens.data.tokenized import kept_rows, kept_streams, tokenized_once
from safr_lens.data.tokenizer import TextTokenizer, train_tokenizer
from safr_lens.errors import TextError
from tests.reliability.points import in_child
from tests.training.corpus import LABELS, rows

FEW = [{"text": text, "label": i % 2} for i, text in enumerate(["a good film", "a bad film , bad", "film", "a film"])]
FEW_SIZES = {"n_ctx": 4, "batch_size": 2, "pool_size": 3, "max_positions": 8}
ROWS = rows(60, seed=1)
SIZES = {"n_ctx": 6, "batch_size": 4, "pool_size": 20}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(module, "TEXTS_AT_ONCE", 7)  # several writes, the last one short
    return tmp_path


@pytest.fixture
def tokenizer():
    return train_tokenizer([row["text"] for row in ROWS], min_frequency=1)


def assert_same(one, other):
    for name, value in vars(one).items():
        same = torch.equal(value, getattr(other, name)) if isinstance(value, torch.Tensor) else None
        assert same if same is not None else value == getattr(other, name)


def test_batches_are_those_of_the_rows_and_texts_are_asked_for_once(monkeypatch):
    tokenizer = train_tokenizer([row["text"] for row in FEW], min_frequency=1)
    expected = list(batches(FEW, tokenizer, **FEW_SIZES))
    asked = []
    plain = TextTokenizer.ids_batch
    monkeypatch.setattr(
        TextTokenizer, "ids_batch", lambda self, texts, *, n_ctx: asked.extend(texts) or plain(self, texts, n_ctx=n_ctx)
    )
    data = tokenized_once(FEW, tokenizer)
    for _ in range(3):
        found = list(data.batches(**FEW_SIZES))
        assert len(found) == len(expected) > 1
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
            assert one.tokens.dtype == other.tokens.dtype
    assert sorted(asked) == sorted(row["text"] for row in FEW)
    assert list(data) == FEW and len(data) == 4
    (longer,) = data.batches(**FEW_SIZES | {"n_ctx": 5, "batch_size": 4, "pool_size": 4, "max_positions": 20})
    assert longer.tokens.shape == (4, 5) and longer.n_cut == 0


def test_a_reading_that_was_broken_off_is_not_taken_for_the_whole():
    tokenizer = train_tokenizer([row["text"] for row in FEW], min_frequency=1)
    data = tokenized_once(FEW, tokenizer)
    next(data.batches(**FEW_SIZES))
    assert sum(len(batch.labels) for batch in data.batches(**FEW_SIZES)) == 4


def stream(asked: list, given: list = ROWS):
    def read():
        for row in given:
            asked.append(row["text"])
            yield row

    return read


def test_rows_are_read_once_and_batches_are_the_same(folder, tokenizer, monkeypatch):
    expected, asked = list(batches(ROWS, tokenizer, **SIZES)), []
    data = tokenized_once(stream(asked)(), tokenizer)
    monkeypatch.setattr(TextTokenizer, "ids_batch", None)
    for _ in range(2):
        for one, other in zip(data.batches(**SIZES), expected, strict=True):
            assert_same(one, other)
    assert asked == [row["text"] for row in ROWS] == [row["text"] for row in data]
    assert list(folder.iterdir()) == []


def test_special_tokens_stand_around_cut_texts(folder, tokenizer):
    tokenizer.prefix, tokenizer.suffix = [1], [2]
    for one, other in zip(
        tokenized_once(iter(ROWS), tokenizer).batches(**SIZES), batches(ROWS, tokenizer, **SIZES), strict=True
    ):
        assert_same(one, other)
        assert (one.tokens[:, 0] == 1).all() and one.n_cut


def test_a_shuffled_stream_has_the_order_that_it_has_without(folder, tokenizer, tmp_path):
    (tmp_path / "data.tsv").write_text("text\tlabel\n" + "".join(f"{r['text']}\t{r['label']}\n" for r in ROWS))
    data = load_data(tmp_path / "data.tsv", streaming=True)
    kept = kept_streams(data, tokenizer)
    (tmp_path / "data.tsv").unlink()
    assert kept.streaming and replace(kept, splits={}) == replace(data, splits={})
    assert kept["train"].features["label"] == data["train"].features["label"]
    (tmp_path / "data.tsv").write_text("text\tlabel\n" + "".join(f"{r['text']}\t{r['label']}\n" for r in ROWS))
    for seed in (0, 1):
        found, expected = (
            list(batches(one["train"], tokenizer, **SIZES, generator=torch.Generator().manual_seed(seed)))
            for one in (kept, data)
        )
        assert len(found) > 5
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)


def test_streams_of_several_shards_stay_as_they_are(folder, tokenizer):
    sharded = IterableDataset.from_generator(lambda parts: iter(ROWS), gen_kwargs={"parts": [0, 1]})
    data = TextData(source="shards", labels=LABELS, splits={"train": sharded})
    assert kept_streams(data, tokenizer)["train"] is sharded


def test_a_text_without_a_word_is_an_error_and_leaves_nothing(folder, tokenizer):
    with pytest.raises(TextError, match="no token: '   '"):
        kept_rows([*ROWS, {"text": "   ", "label": 0}], tokenizer)
    assert list(folder.iterdir()) == []


def test_the_file_has_no_name_while_it_is_written(folder, tokenizer):
    def read():
        for row in ROWS:
            yield row
            assert list(folder.iterdir()) == []

    assert len(kept_rows(read(), tokenizer)) == len(ROWS) > 2 * module.TEXTS_AT_ONCE


def test_a_full_disk_is_an_error(folder, tokenizer, tmp_path_factory):
    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        with pytest.raises(OSError, match="File too large"):
            kept_rows(ROWS, tokenizer)

    log = tmp_path_factory.mktemp("log") / "log"
    assert in_child(limited, log=log) == 0, log.read_text()
    assert list(folder.iterdir()) == []


def test_no_rows_are_no_rows(folder, tokenizer):
    assert len(kept_rows([], tokenizer)) == 0
