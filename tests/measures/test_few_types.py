"""Corpora too small for token selectivity."""

from __future__ import annotations

import math

from datasets import Dataset

from safr_lens.measures import neuron_summary


def test_a_corpus_of_rare_words_has_no_selectivity_but_everything_else(make_model):
    summary, means = neuron_summary(make_model(), Dataset.from_list([{"text": "a dull film", "label": 0}]))
    assert len(means.types) == 0
    assert math.isnan(summary.token_selectivity)
    assert math.isnan(summary.token_selectivity_null)
    assert 0 < summary.capacity <= 1
