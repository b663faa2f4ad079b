"""Names that were tested and do not hold are grey and have their score, in every view; others are as they were."""

from __future__ import annotations

import pytest

from safr_lens import neuron_table, views
from safr_lens.views.names import DOUBTED, NeuronNames
from tests.training.corpus import rows, tiny_classifier

TEXT = "a gripping film and a dull plot"


@pytest.fixture(scope="module")
def model():
    return tiny_classifier()


@pytest.fixture(scope="module")
def table(model):
    """Even neurons' names hold, odd ones' do not; the last was not tested."""
    found = neuron_table(model, rows(60, seed=2))
    found["name_fidelity"] = 0.56
    found["name_holds"] = found["neuron"] % 2 == 0
    found.loc[31, "name_fidelity"] = float("nan")
    return found


def shown(view) -> str:
    return view.rendered("view", heading="h1").html


def test_a_doubted_name_has_its_score_ahead_of_its_words(model, table):
    holds, doubted, untested = NeuronNames(model, table).of([2, 3, 31])
    assert (holds.doubted, doubted.doubted, untested.doubted) == (False, True, False)
    assert doubted.startswith("3 (0.56): ") and holds.startswith("2: ") and untested.startswith("31: ")
    assert DOUBTED in NeuronNames(model, table).origin


def test_without_scores_no_name_is_doubted(model, table):
    for words in (None, [["good"]] * 32, table.drop(columns=["name_fidelity", "name_holds"])):
        names = NeuronNames(model, words)
        assert not any(name.doubted for name in names.of(range(32))) and DOUBTED not in names.origin


@pytest.mark.parametrize("view", [views.allocation, views.tokens])
def test_views_of_a_text_show_it_and_say_what_it_means(model, table, view):
    html = shown(view(model, TEXT, words=table))
    assert 'class="soft doubted">' in html and "(0.56): " in html and "does not hold" in html
    assert "doubted" not in shown(view(model, TEXT, words=table.assign(name_holds=True)))


def test_the_dashboard_says_whether_the_name_holds(model):
    data = rows(60, seed=2)
    found = neuron_table(model, data)
    known = found[found["name_fidelity"].notna()]
    assert len(known)
    number = int(known["neuron"].iloc[0])
    html = shown(views.neuron(model, data, number))
    assert ("does not hold" in html) != bool(known["name_holds"].iloc[0])
    assert ('class="soft doubted"' in html) != bool(known["name_holds"].iloc[0])


def test_signs_stand_in_quotation_marks_and_words_do_not(model):
    assert NeuronNames(model, [[",", "and", "n't"]] * 32).of([4]) == ["4: “,”, and, n't"]


def test_a_baseline_named_in_another_way_is_not_taken_for_tested(model, table):
    beside = views.allocation(model, TEXT, baseline=model, words=table, names=("plain", "safr")).content["origin"]
    assert "Not so in plain: Neurons are labelled with the vocabulary words" in beside
    assert "Its names were not tested, so that none is grey." in beside
    alike = views.allocation(model, TEXT, baseline=model, words=table, baseline_words=table).content["origin"]
    assert alike == NeuronNames(model, table).origin
