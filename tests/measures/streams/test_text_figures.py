"""The numbers of a text equal loops over its tokens."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from scipy import stats

from safr_lens.measures.formulas.sparsity import hoyer
from safr_lens.measures.formulas.superposition import capacity
from safr_lens.measures.streams.text_figures import COLUMNS, TextFigureStream
from tests.measures.streams.corpus import LENGTHS, N_TOKENS, neurons, splits, texts_of

few = settings(max_examples=20)


LABELS = torch.tensor([1, 0, 1, 0])

LOGITS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.5, 0.0], [3.0, 0.0]])


def text_metric(parts=((0, 1, 2, 3),), labels=LABELS):
    metric = TextFigureStream()
    for part in parts:
        chosen = torch.tensor(part)
        h = torch.cat([texts_of(neurons())[i] for i in part])
        metric.update(h, torch.tensor(LENGTHS)[chosen], chosen, LOGITS[chosen], labels[chosen])
    return metric.result()


def test_the_numbers_of_a_text_equal_a_slow_loop():
    found = text_metric()
    for i, h in enumerate(texts_of(neurons())):
        of_tokens, sparsity = capacity(h), hoyer(h, 1)
        loss = -math.log(math.exp(LOGITS[i, LABELS[i]]) / sum(math.exp(x) for x in LOGITS[i]))
        expected = {
            "tokens": LENGTHS[i],
            "active": sum(x > 0 for row in h.tolist() for x in row),
            "silent": sum(max(row) == 0 for row in h.tolist()),
            "capacity": of_tokens.nansum().item(),
            "with_capacity": int((~of_tokens.isnan()).sum()),
            "sparsity": sparsity.nansum().item(),
            "with_sparsity": int((~sparsity.isnan()).sum()),
            "correct": float(LOGITS[i].argmax() == LABELS[i]),
            "loss": loss,
        }
        assert tuple(expected) == COLUMNS
        assert {name: column[i].item() for name, column in found.columns.items()} == pytest.approx(expected, abs=1e-6)


@few
@given(split=splits)
def test_texts_come_in_the_order_of_the_corpus_whatever_the_pieces(split):
    found, whole = text_metric(split), text_metric()
    assert found.examples.tolist() == [0, 1, 2, 3]
    for name in COLUMNS:
        torch.testing.assert_close(found.columns[name], whole.columns[name])


def test_texts_without_a_label_have_no_accuracy():
    found = text_metric(labels=torch.full((4,), -1))
    assert found.columns["correct"].isnan().all() and found.columns["loss"].isnan().all()
    assert not found.columns["capacity"].isnan().any()


def test_a_ratio_of_columns_is_a_mean_over_tokens():
    found = text_metric()
    assert found.ratio("active", "tokens").value == pytest.approx((neurons() > 0).sum().item() / N_TOKENS)
    assert found.ratio("correct").value == 0.25


def test_scipy_agrees_on_the_spread_of_a_mean_over_texts():
    column = text_metric().columns["active"]
    sd = text_metric().ratio("active").replicates.std().item()
    assert sd == pytest.approx(stats.sem(column.numpy(), ddof=0), rel=0.1)
