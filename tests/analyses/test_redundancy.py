"""Copies of a neuron, and neurons that do nothing, do not raise the figures of redundancy."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts.redundancy import redundancy_figures


def table(words, selectivity, effect, meaning=None):
    scores = {f"{name}_above": selectivity for name in ("token_selectivity", "class_selectivity")}
    return pd.DataFrame(
        {
            "alive": True,
            "top_words": [[word] if word else [] for word in words],
            "ablation_loss": effect,
            **scores,
            "monosemanticity_above": meaning or selectivity,
        }
    )


def test_copies_of_one_word_are_counted_as_one_word():
    found = redundancy_figures(table(["a"] * 9 + ["dull"], [0.9] * 9 + [0.1], [0.0] * 9 + [-0.5]))
    assert found["favourite_words"] == 2 and found["largest_share"] == 0.9
    assert found["token_selectivity_by_effect"] == pytest.approx(0.1)


def test_the_effect_is_spread_over_as_many_neurons_as_share_it():
    for k in (1, 4):
        found = redundancy_figures(table(["a"] * 6, [0.5] * 6, [0.25] * k + [0.0] * (6 - k)))
        assert found["carrying_neurons"] == pytest.approx(k)


def test_neurons_without_a_score_are_left_out_and_said_so():
    found = redundancy_figures(table(["a", "b"], [0.5, 0.5], [1.0, 3.0], meaning=[0.2, float("nan")]))
    assert found["defined_by_effect"] == 0.25 and found["monosemanticity_by_effect"] == pytest.approx(0.2)


def test_dead_neurons_do_not_count():
    neurons = table(["a", "b"], [0.5, 0.9], [1.0, 1.0])
    neurons.loc[1, "alive"] = False
    assert redundancy_figures(neurons)["favourite_words"] == 1
