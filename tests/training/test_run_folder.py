"""Resuming a training that uses word vectors; what else a run's folder does, ``test_loop.py`` tests."""

from __future__ import annotations

import pytest
import torch

from safr_lens import SafrPenalty, TrainConfig, train
from safr_lens.data.rows import Texts
from safr_lens.errors import CheckpointError
from safr_lens.training import loop
from safr_lens.training.run_folder import check_same
from safr_lens.word_vectors import word_vectors
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data(n_train=64, n_other=16)
RELATED = SafrPenalty(information_weight=0.1, batch_tokens=40, mono_weight=0.5)
START = {"batch_size": 8, "learning_rate": 1e-2, "epochs": 3, "embedding_start": "words"}


def fit(*, out=None, resume=False, penalty=RELATED, word_vectors=None, **config):
    config = TrainConfig(**{**START, **config})
    model = tiny_classifier()
    return train(
        model, DATA, config, penalty=penalty, word_vectors=word_vectors, out=out, resume=resume, progress=False
    )


def test_a_resumed_training_with_drawn_tokens_repeats_the_uninterrupted_one(tmp_path, monkeypatch):
    whole = fit()
    calls = 0
    original = loop.batch_terms

    def stopping(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == 12:  # in the second epoch
            raise KeyboardInterrupt
        return original(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "batch_terms", stopping)
        with pytest.raises(KeyboardInterrupt):
            fit(out=tmp_path / "run")
    resumed = fit(out=tmp_path / "run", resume=True)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name
    assert {"importance", "interaction", "mono"} <= resumed.history[-1].terms.keys()


def test_other_word_vectors_are_another_training(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop.RunFolder, "finish", lambda *args: None)
        fit(out=tmp_path / "run")
    others = word_vectors(Texts(DATA["test"]), tiny_classifier().tokenizer, d_embed=16)
    with pytest.raises(CheckpointError, match="word_vectors was"):
        fit(out=tmp_path / "run", resume=True, word_vectors=others)


def vector_file(path, *, power=1):
    others = word_vectors(Texts(DATA["test"]), tiny_classifier().tokenizer, d_embed=16)
    known = others.known.nonzero().flatten().tolist()
    lines = (f"{others.words[i]} {' '.join(map(str, (others.vectors[i] ** power).tolist()))}" for i in known)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_file_with_the_same_words_and_other_values_is_another_training(tmp_path, monkeypatch):
    one, copy = vector_file(tmp_path / "one.vec"), vector_file(tmp_path / "copy.vec")
    other = vector_file(tmp_path / "other.vec", power=3)
    with monkeypatch.context() as patch:
        patch.setattr(loop.RunFolder, "finish", lambda *args: None)
        fit(out=tmp_path / "run", word_vectors=one)
    with pytest.raises(CheckpointError, match="other settings: word_vectors was"):
        fit(out=tmp_path / "run", resume=True, word_vectors=other)
    assert fit(out=tmp_path / "run", resume=True, word_vectors=copy).metrics["word_vectors"] == str(copy)


def test_a_setting_that_an_older_run_did_not_know_had_its_default(tmp_path):
    now = {"model": {"d_mlp": 8, "pooling": "mean"}, "train": {"seed": 0}}
    check_same({"model": {"d_mlp": 8}, "train": {"seed": 0}}, now, tmp_path)
    with pytest.raises(CheckpointError, match="pooling was None, now 'last'"):
        check_same({"model": {"d_mlp": 8}}, {"model": {"d_mlp": 8, "pooling": "last"}}, tmp_path)
