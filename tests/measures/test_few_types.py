"""Corpora too small for token selectivity."""

from __future__ import annotations

import math

from datasets import Dataset

from safr_lens.measures import Inputs, collect_statistics, measurements


def test_a_corpus_of_rare_words_has_no_selectivity_but_everything_else(make_model):
    statistics = collect_statistics(make_model(), Dataset.from_list([{"text": "a dull film", "label": 0}]))
    found = measurements(Inputs(statistics))
    assert len(statistics.types.means().types) == 0
    assert math.isnan(found["token_selectivity"].estimate.value)
    assert math.isnan(found["token_selectivity"].null.value)
    assert 0 < found["capacity"].estimate.value <= 1
