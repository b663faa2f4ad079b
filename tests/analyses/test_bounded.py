"""NAOPC in the study: of the beginnings of texts alone, and above that of random rankings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "analyses"))

from study_parts import bounded
from study_parts.table import tidy

from tests.training.corpus import rows, tiny_classifier


def test_only_the_first_words_of_texts_count(monkeypatch):
    monkeypatch.setattr(bounded, "N_WORDS", 4)
    monkeypatch.setattr(bounded, "N_TEXTS", 5)
    model = tiny_classifier()
    texts = [{**row, "text": " ".join(row["text"].split()[:4])} for row in rows(10, seed=1)]
    longer = [{**row, "text": f"{row['text']} {texts[0]['text']}"} for row in texts]
    found = bounded.bounded_faithfulness(model, texts)
    assert found == bounded.bounded_faithfulness(model, longer)
    assert 0 <= found["random"] <= 1 and -0.5 <= found["tested"] <= 1.5  # a beam's bounds may be passed


def test_texts_are_spread_over_the_split(monkeypatch):
    monkeypatch.setattr(bounded, "N_TEXTS", 2)
    monkeypatch.setattr(bounded, "N_WORDS", 4)
    model, texts = tiny_classifier(), rows(8, seed=1)
    found = bounded.bounded_faithfulness(model, texts)
    assert found == bounded.bounded_faithfulness(model, [texts[0], texts[4]])
    assert found != bounded.bounded_faithfulness(model, texts[:2])


@pytest.mark.parametrize("naopc", [{"tested": 0.75, "random": 0.5}, {}, None])
def test_the_table_holds_what_stands_above_random_rankings(naopc):
    cell = dict.fromkeys(("stage", "data", "method", "weight", "seed"), "x") | {"validation_accuracy": 0.5}
    cell |= {"seconds_training": 1, "seconds_measuring": 1, "figures": {}, "embedding": {}, "probes": {}}
    table = tidy([cell | ({} if naopc is None else {"naopc": naopc})])
    found = table[table["measure"] == "naopc_of_beginnings"]
    assert list(found.get("above", [])) == ([0.25] if naopc else [])
