"""Reliance is measured on the same MLPs whatever the penalty, so that models can be compared."""

from __future__ import annotations

import pytest

from safr_lens import SafrPenalty, TrainConfig, train
from tests.training.corpus import sentiment_data, tiny_classifier


@pytest.mark.parametrize("site", ["neurons", "embedding", "none"])
def test_the_last_mlp_is_ablated_for_every_site(site):
    model = tiny_classifier(n_layers=2)
    result = train(model, sentiment_data(), TrainConfig(epochs=1), penalty=SafrPenalty(site=site), progress=False)
    assert result.metrics["reliance"]["layers"] == [1]
