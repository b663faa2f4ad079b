"""The study of the neuron head: a score weighted by what neurons add to the logits."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from analyses.neuron_head import by_effect


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
