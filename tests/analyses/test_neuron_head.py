"""The study of the neuron head: a score weighted by what neurons add to the logits, and who judges meaning."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

import neuron_head
from study_parts.head_scores import by_effect

from safr_lens import TextData
from safr_lens.data.dataset import SPLITS


def test_no_text_that_a_training_may_see_gives_vectors_to_the_judge(monkeypatch):
    splits = {split: [{"text": f"{split} {i}", "label": i % 2} for i in range(4)] for split in SPLITS}
    data = TextData(source="example", labels=("negative", "positive"), splits=splits)
    read = []

    def vectors_of(tokenizer, texts, given=None):
        read.extend(texts)
        return torch.zeros(2, 2)

    monkeypatch.setattr(neuron_head, "load_data", lambda source: data)
    monkeypatch.setattr(neuron_head, "study_data", lambda source, folder: data)
    monkeypatch.setattr(neuron_head, "analysis_vectors", vectors_of)
    monkeypatch.setattr(
        neuron_head.HookedClassifier,
        "from_pretrained_backbone",
        lambda *names, **labels: argparse.Namespace(tokenizer=None),
    )
    options = argparse.Namespace(backbone="none", data="example", sst2=None, vector_data="other", judge=None)
    assert neuron_head.Bench.of(options).second is None
    assert sorted(read) == sorted(row["text"] for split in ("validation", "test") for row in splits[split])


def test_a_score_by_effect_weighs_neurons_by_activity_and_by_how_far_they_move_the_classes_apart():
    table = pd.DataFrame(
        {
            "mean": [1.0, 2.0, 5.0, 3.0],
            "logit_bad": [1.0, -1.5, 4.0, 0.0],
            "logit_good": [-1.0, 1.5, 4.0, 9.0],
            "score_above": [0.2, 0.4, 0.9, math.nan],
        }
    )
    # weights 1 * 2, 2 * 3 and 5 * 0, as differences of the classes; the last has no score
    assert by_effect(table, ("bad", "good"), "score") == pytest.approx((2 * 0.2 + 6 * 0.4) / 8)


def test_accuracies_are_compared_text_by_text_at_the_same_seed():
    def row(method, seed, right):
        return {"method": method, "seed": seed, "right": right}

    rows = [row("no penalty", 0, "1100"), row("no penalty", 1, "1010"), row("SAFR", 0, "1110"), row("SAFR", 2, "0000")]
    shown = neuron_head.above_no_penalty(rows)
    assert shown["no penalty"] == "+0.0 (+0.0 to +0.0)"
    assert shown["SAFR"].startswith("+25.0 (+0.0 to +")  # one of four texts, at the seed that both have


def test_a_method_is_compared_to_no_penalty_at_its_own_learning_rate():
    def row(method, right, rate):
        return {"method": method, "seed": 0, "right": right, "learning_rate": rate}

    slow, fast = row("no penalty, learning_rate=0.01", "1111", 0.01), row("no penalty", "0000", 0.001)
    rows = [slow, fast, row("L1", "1111", 0.001), row("SAFR, learning_rate=0.01", "1111", 0.01), row("SAFR", "1", 0.1)]
    shown = neuron_head.above_no_penalty(rows)
    assert shown["L1"].startswith("+100.0") and shown["SAFR, learning_rate=0.01"].startswith("+0.0")
    assert "SAFR" not in shown
