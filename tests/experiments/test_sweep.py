"""What a sweep chooses, and what a strength is; ``cli/test_sweep.py`` trains."""

from __future__ import annotations

import pytest

from safr_lens.experiments.sweep import Step, Sweep, at_strength
from safr_lens.penalty.safr import SafrPenalty


def step(strength, lost):
    return Step(strength, (f"run-{strength:g}",), 0.8 - lost, lost, 0.3, (), lost <= 0.005)


def test_the_strongest_within_the_budget_is_chosen_even_where_a_weaker_one_fails():
    found = Sweep((step(0.0, 0.0), step(0.5, 0.01), step(1.0, 0.004), step(2.0, 0.02)), 0.005, (0,))
    assert found.chosen.strength == 1.0


def test_the_unregularised_classifier_is_never_chosen():
    assert Sweep((step(0.0, 0.0), step(1.0, 0.1)), 0.005, (0,)).chosen is None


def test_a_strength_multiplies_both_weights_and_their_schedules():
    penalty = SafrPenalty(importance_weight={"start": 0.0, "end": 0.4, "epochs": 2}, interaction_weight=0.1)
    strong = at_strength(penalty, 3.0).schedules
    assert strong["importance"].end == pytest.approx(1.2)
    assert strong["importance"].epochs == 2 and strong["interaction"].end == pytest.approx(0.3)
    assert strong["information"] == penalty.schedules["information"]
    assert at_strength(penalty, 0.0).site == "none"
