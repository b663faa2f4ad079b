"""A model remembers which pairs its training compared."""

from __future__ import annotations

import json

import pytest
import torch

from safr_lens import HookedClassifier, SafrPenalty, TrainConfig, train
from safr_lens.errors import CheckpointError
from safr_lens.models import compared
from safr_lens.models.compared import COMPARED, ComparedPairs, load_compared, save_compared
from tests.training.corpus import sentiment_data, tiny_classifier

DATA = sentiment_data()
WORDS = ComparedPairs("words", 0.4, "texts", torch.tensor([[1.0, 0.0], [torch.nan, torch.nan], [0.6, 0.8]]))
NOTHING = {"information_weight": 0.1, "site": "none"}


def trained(out, **penalty):
    model = tiny_classifier()
    config = TrainConfig(epochs=1, batch_size=24)
    return train(model, DATA, config, penalty=SafrPenalty(**penalty), out=out, progress=False)


def test_a_run_keeps_pairs_threshold_source_and_vectors(tmp_path):
    result = trained(tmp_path / "run", word_threshold=0.4)
    kept = HookedClassifier.from_pretrained(tmp_path / "run").compared
    assert kept == ComparedPairs("words", 0.4, "the training split of corpus")
    torch.testing.assert_close(kept.vectors, result.model.compared.vectors, equal_nan=True, rtol=0, atol=0)
    assert result.metrics["compared_pairs"] == {
        "pairs": "words",
        "threshold": 0.4,
        "word_vectors": "the training split of corpus",
    }


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (NOTHING, ComparedPairs("none")),
        ({"pairs": "attention", "scope": "text"}, ComparedPairs("attention", 2.0)),
        ({"site": "embedding"}, ComparedPairs("attention")),
    ],
)
def test_a_run_keeps_that_it_compared_other_pairs_or_none(tmp_path, penalty, expected):
    trained(tmp_path / "run", **penalty)
    assert HookedClassifier.from_pretrained(tmp_path / "run").compared == expected


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (NOTHING, ComparedPairs("none")),
        ({"word_threshold": 0.4}, ComparedPairs("words", 0.4)),
        ({"pairs": "attention", "scope": "text", "threshold": 3.0}, ComparedPairs("attention", 3.0)),
        ({"site": "embedding"}, ComparedPairs("attention")),
    ],
)
def test_a_run_from_before_says_it_by_its_settings(tmp_path, penalty, expected):
    record = {"settings": {"penalty": SafrPenalty(**penalty).to_dict()}}
    (tmp_path / "metrics.json").write_text(json.dumps(record))
    found = load_compared(tmp_path, d_vocab=3)
    assert found == expected and found.vectors is None


@pytest.mark.parametrize("record", [None, "{", "[]", '{"settings": {}}'])
def test_without_a_record_nothing_is_claimed(tmp_path, record):
    if record is not None:
        (tmp_path / "metrics.json").write_text(record)
    assert load_compared(tmp_path, d_vocab=3) is None


def test_a_model_saved_over_another_forgets_its_pairs(tmp_path):
    save_compared(WORDS, tmp_path)
    assert load_compared(tmp_path, d_vocab=3) == WORDS
    save_compared(None, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_large_vectors_are_left_out_and_the_rest_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(compared, "MOST_BYTES", 23)
    save_compared(WORDS, tmp_path)
    kept = load_compared(tmp_path, d_vocab=3)
    assert kept == WORDS and kept.vectors is None
    monkeypatch.setattr(compared, "MOST_BYTES", 24)
    save_compared(WORDS, tmp_path)
    assert load_compared(tmp_path, d_vocab=3).vectors.shape == (3, 2)


def test_a_damaged_file_or_one_of_another_vocabulary_is_refused(tmp_path):
    save_compared(WORDS, tmp_path)
    with pytest.raises(CheckpointError, match="vectors of 3 token ids; the tokenizer has 7"):
        load_compared(tmp_path, d_vocab=7)
    (tmp_path / COMPARED).write_bytes(b"no safetensors")
    with pytest.raises(CheckpointError, match=f"{COMPARED} is damaged: .* Remove it"):
        load_compared(tmp_path, d_vocab=3)
    (tmp_path / COMPARED).unlink()
    assert load_compared(tmp_path, d_vocab=3) is None, "the advice must work"
