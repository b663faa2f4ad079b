"""Predictions of a classifier: accuracy, loss, and labels it does not know."""

from __future__ import annotations

import math

import pytest
import torch
from datasets import Dataset

from safr_lens.activations import stream
from safr_lens.errors import DataError
from safr_lens.measures import Evaluation, evaluate
from safr_lens.measures.predictions import majority_share
from tests.reference.slow_predictions import by_hand


def test_accuracy_and_loss_equal_a_hand_loop(model, split):
    accuracy, loss = by_hand(model, split)
    found = evaluate(model, split)
    assert found == Evaluation(pytest.approx(accuracy), pytest.approx(loss, abs=1e-5), n=24, n_cut=0)


def test_the_answer_of_five_classes_is_the_largest_logit(make_model, split):
    model = make_model(labels=list("abcde"))
    many = split.map(lambda row, i: {"label": i % 5}, with_indices=True)
    accuracy, loss = by_hand(model, many)
    found = evaluate(model, many)
    assert (found.accuracy, found.loss) == (pytest.approx(accuracy), pytest.approx(loss, abs=1e-5))


@pytest.mark.parametrize("batch_size", [1, 5])
def test_batch_size_does_not_matter(model, split, monkeypatch, batch_size):
    whole = evaluate(model, split)
    monkeypatch.setattr(stream, "BATCH_SIZE", batch_size)
    found = evaluate(model, split)
    assert (found.accuracy, found.n) == (whole.accuracy, whole.n)
    assert found.loss == pytest.approx(whole.loss, abs=1e-5)


def test_rows_may_come_from_a_list_or_a_stream(model, split):
    assert evaluate(model, list(split)) == evaluate(model, split) == evaluate(model, split.to_iterable_dataset())


def test_a_model_in_training_is_evaluated_without_dropout_and_put_back(model, split):
    expected = evaluate(model, split)
    model.train()
    assert evaluate(model, split) == expected
    assert model.training


def test_texts_that_are_cut_are_counted(make_model, split):
    model = make_model(n_ctx=5)
    assert evaluate(model, split).n_cut == sum(len(model.tokenizer.encode(t, n_ctx=99).ids) > 5 for t in split["text"])


def test_hooks_around_an_evaluation_apply(make_model, split):
    model = make_model()
    with model.hooks(fwd_hooks=[("hook_pooled", lambda logits, hook: torch.zeros_like(logits))]):
        assert evaluate(model, split).loss == pytest.approx(math.log(2))


@pytest.mark.parametrize("empty", [[], Dataset.from_dict({"text": [], "label": []})], ids=["list", "Dataset"])
def test_an_empty_split_is_an_error(make_model, empty):
    with pytest.raises(DataError, match="no texts"):
        evaluate(make_model(), empty)


@pytest.mark.parametrize("label", [2, -1])
def test_a_label_that_is_no_class_of_the_model_is_an_error(make_model, label):
    with pytest.raises(DataError, match=f"label {label}, but the model knows 2 classes: negative, positive"):
        evaluate(make_model(), [{"text": "a film", "label": 0}, {"text": "a dull film", "label": label}])


def test_majority_share():
    assert majority_share([2, 0, 2, 1, 2]) == 3 / 5
    assert math.isnan(majority_share([]))


def test_the_share_of_unknown_tokens_counts_no_padding(make_model):
    rows = [{"text": "zygotic", "label": 0}, {"text": "the acting is warm and the story is moving", "label": 1}]
    assert evaluate(make_model(), rows).unknown_tokens == pytest.approx(1 / 10)
