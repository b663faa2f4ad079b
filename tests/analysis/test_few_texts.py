"""Texts too few for some measures: what can be measured is, and what cannot is named."""

from __future__ import annotations

import math

import pytest

from safr_lens.analysis import analyze, compare
from safr_lens.measures.registry import MEASURES
from safr_lens.neurons import neuron_table
from tests.training.corpus import rows, tiny_classifier

ONE_WORD = [{"text": "dull" if i % 2 else "funny", "label": i % 2} for i in range(30)]
FEW = {
    "one text": rows(1, seed=1),
    "two texts": rows(20, seed=1)[0:20:10],
    "one word each": ONE_WORD,
    "words that stand beside no other": [
        {"text": word, "label": i % 2} for i, word in enumerate(("a", "is", "of", "the") * 9)
    ],
}
ALIKE = [{"text": "the plot is dull", "label": 0}] * 30
NEED_VECTORS = {"monosemanticity", "name_fidelity", "name_fidelity_by_effect", "names_that_hold"}
ONE_CLASS = [row for row in rows(60, seed=4) if row["label"] == 0]


@pytest.fixture(scope="module")
def model():
    return tiny_classifier()


@pytest.mark.parametrize("name", FEW)
def test_without_word_vectors_only_what_needs_them_is_left_out(model, name):
    found = analyze(model, FEW[name])
    assert set(MEASURES) - set(found.measurements) == set(found.not_measured) == NEED_VECTORS
    assert "monosemanticity" not in found.at_init
    assert found.neurons["monosemanticity_above"].isna().all()
    assert "too few frequent words" in found.to_dict()["not_measured"]["monosemanticity"]
    assert found.facts["n_types_with_vector"] == 0
    [said] = [warning for warning in found.warnings if "not measured" in warning]
    assert (
        said.startswith("monosemanticity (MS), name fidelity (AUC), ")
        and "not measured: " in said
        and "--word-vectors" in said
    )


@pytest.mark.parametrize("data", [ALIKE, ONE_CLASS], ids=["all alike", "one class"])
def test_texts_with_words_enough_have_every_measure(model, data):
    found = analyze(model, data, faithfulness_texts=3)
    assert list(found.measurements) == list(MEASURES) and found.not_measured == {}
    assert math.isnan(found.measurements["class_selectivity"].estimate.value)
    assert any(warning.startswith("class selectivity is undefined for") for warning in found.warnings)


def test_other_texts_may_give_the_word_vectors(model):
    texts = [row["text"] for row in rows(200, seed=9)]
    found = analyze(model, ONE_WORD, vector_texts=texts, faithfulness_texts=0, at_init=False)
    assert found.not_measured == {} and found.facts["n_types_with_vector"] == 2


def test_few_texts_are_compared_in_what_was_measured(model):
    groups = {str(seed): [analyze(tiny_classifier(seed=seed), ONE_WORD, at_init=False)] for seed in (0, 1)}
    [differences] = compare(groups).values()
    assert {one.measure for one in differences} == set(MEASURES) - NEED_VECTORS


def test_the_neuron_table_of_few_texts_has_no_scores_but_all_columns(model):
    table = neuron_table(model, FEW["two texts"])
    assert list(table.columns) == list(analyze(model, ONE_CLASS, faithfulness_texts=0, at_init=False).neurons.columns)
    assert table["monosemanticity"].isna().all()
