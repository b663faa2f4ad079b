"""Views show and name the pairs that the training compared, and read a success as a success."""

from __future__ import annotations

from html import unescape

import pytest
import torch

from safr_lens import pair_table, views
from safr_lens.models.compared import ComparedPairs
from tests.neurons.planted import planted_model

TEXT = "river superb under zygotes superb"  # one neuron fires at river and under alone, another at superb alone
RELATED = {"river": [1.0, 0.0], "under": [0.9, 0.4358899], "superb": [0.0, -1.0]}
NAME = "pairs of related words (cosine above 0.4)"


@pytest.fixture
def planted():
    model, _ = planted_model(1)
    rows = [RELATED.get(model.tokenizer.word(i), [torch.nan] * 2) for i in range(model.tokenizer.d_vocab)]
    model.compared = ComparedPairs("words", 0.4, "texts", torch.tensor(rows))
    return model


def html(view):
    return " ".join(unescape(str(view.rendered("v").html)).split())


def test_related_words_that_share_neurons_read_as_a_success(planted):
    view = views.allocation(planted, TEXT)
    [model] = view.content["models"]
    assert [(row["token_first"], row["token_second"]) for row in model["pairs"]] == [("river", "under")]
    assert model["pairs"][0]["overlap"] > 0.9
    overlaps = pair_table(planted, TEXT)
    related = (overlaps["first"] == 0) & (overlaps["second"] == 2)
    # superb stands twice: its pair with itself and one of each of its pairs with another word do not count
    others = overlaps[~related & (overlaps["second"] != 4)]["overlap"]
    assert model["reading"] == (
        f"Mean overlap of the 1 pair: {overlaps[related]['overlap'].item():.2f}; of the 5 others: "
        f"{others.mean():.2f}. These pairs overlap more than others, as SAFR wants."
    )
    shown = html(view)
    assert f"<h3>{NAME.capitalize()}, and the neurons they share</h3>" in shown
    assert model["reading"] in shown
    assert "Each pair of different words counts once. These are the pairs that the model's training" in shown
    assert "uniform attention" not in shown


def test_related_words_that_share_no_neurons_read_as_none(planted):
    view = views.allocation(planted, TEXT, word_vectors={"river": [1.0, 0.0], "superb": [1.0, 0.1]})
    assert view.content["models"][0]["reading"].endswith("These pairs overlap no more than others.")


def test_a_text_without_such_pairs_says_so(planted):
    shown = html(views.allocation(planted, "river superb"))
    assert f"This text has no {NAME}. These are the pairs that the model's training compared." in shown


def test_a_baseline_shows_the_same_pairs_and_says_what_it_was_trained_on(planted):
    plain, _ = planted_model(1)
    plain.compared = ComparedPairs("none")
    view = views.allocation(planted, TEXT, plain)
    assert [one["compared"].name for one in view.content["models"]] == [NAME, NAME]
    assert [len(one["pairs"]) for one in view.content["models"]] == [1, 1]
    assert view.content["models"][0]["reading"].endswith(" These pairs overlap more than others."), "not asked to"
    assert "training compared no pairs of tokens." in html(view)


@pytest.mark.parametrize("make", [views.allocation, views.superposition])
def test_missing_vectors_are_one_sentence_and_not_attention(planted, make):
    planted.compared = ComparedPairs("words", 0.4, "texts")
    view = make(planted, TEXT)
    shown = html(view)
    assert "are not stored with the model. Give them with word_vectors" in shown
    assert "uniform attention" not in shown
    assert "uniform attention" in html(make(planted, TEXT, pairs="attention")), "the advice must work"
    assert "uniform attention" not in html(make(planted, TEXT, word_vectors=RELATED))


def test_superposition_names_its_pairs(planted):
    shown = html(views.superposition(planted, TEXT))
    assert f"Neuron overlap, and {NAME}" in shown and f"Above the diagonal (orange): {NAME}" in shown
    assert "uniform attention" not in shown
    assert f"{NAME}, above: most for superb and superb, 1.00." in shown


def test_a_model_without_any_pair_term_names_what_is_shown(planted):
    planted.compared = ComparedPairs("none")
    for make in (views.allocation, views.superposition, views.attention):
        shown = html(make(planted, TEXT))
        assert "pairs that attend to each other" in shown.lower(), make
        assert "training compared no pairs of tokens." in shown, make


def test_the_attention_view_says_that_other_pairs_were_compared(planted):
    assert f"training compared {NAME} instead." in html(views.attention(planted, TEXT))


def test_a_text_of_one_word_has_no_pairs(planted):
    assert f"This text has no {NAME}." in html(views.allocation(planted, "river"))
    assert f"Neuron overlap, and {NAME}" in html(views.superposition(planted, "river"))
