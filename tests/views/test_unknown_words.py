"""Views outline the words that the model does not know, and say so in words too."""

from __future__ import annotations

from html import unescape

import pytest

from safr_lens import explain, token_table, views
from safr_lens.views.heatmaps import signed_token_heatmap, token_heatmap

TEXT = "a gripping zygotic film"
OUTLINE = "outline: 2px dotted"


def html(view):
    return " ".join(unescape(str(view.rendered("v").html)).split())


@pytest.mark.parametrize("name", ["allocation", "tokens", "contributions", "superposition", "attention"])
def test_a_view_outlines_and_names_unknown_words(make_model, name):
    model = make_model()
    shown = html(getattr(views, name)(model, TEXT))
    assert "Dotted outline</span>: 1 of 4 tokens that the model does not know (zygotic)" in shown
    assert "Warning:</strong> The model does not know 1 of 4 tokens (zygotic), more than 20 %" in shown
    if name != "attention":  # whose heads are drawn, and have names on their axes alone
        outlined = [part.split("<")[0].split(">")[1] for part in shown.split(OUTLINE)[1:]]
        assert set(outlined) == {"Dotted outline", "zygotic"}
        assert 'data-unknown="2 "' in shown
    known = html(getattr(views, name)(model, "a gripping film"))
    assert OUTLINE not in known and "data-unknown" not in known and "Warning" not in known


def test_few_unknown_words_are_marked_without_a_warning(make_model):
    shown = html(views.tokens(make_model(), "a gripping , funny film zygotic"))
    assert "1 of 6 tokens that the model does not know" in shown and "Warning" not in shown


def test_a_text_without_a_known_word_is_called_that(make_model):
    shown = html(views.allocation(make_model(), "qwert asdfg"))
    assert "The model knows none of these words (qwert, asdfg): its answer says nothing about this text." in shown


def test_tables_mark_them_too(make_model):
    model = make_model()
    assert token_table(model, TEXT)["unknown"].tolist() == [False, False, True, False]
    seen = explain(model, TEXT)
    assert (seen.unknown_tokens, seen.lacking) == (0.25, "zygotic")
    assert 'zygotic <span class="soft small">3, unknown<br>' in html(views.allocation(model, TEXT))
    assert 'zygotic <span class="soft small">unknown</span>' in html(views.tokens(model, TEXT))


def test_examples_of_a_neuron_are_marked(make_model):
    model = make_model()
    rows = [{"text": text, "label": 0} for text in (TEXT, "a zygotic bore", "a dull film")] * 6
    number = int(explain(model, TEXT).neurons[-1][2].argmax())  # of the unknown word
    shown = html(views.neuron(model, rows, number))
    assert "Dotted outline</span>: unknown words" in shown
    outlined = {part.split("<")[0].split(">")[1] for part in shown.split(OUTLINE)[1:]}
    assert outlined == {"Dotted outline", "zygotic"}
    assert OUTLINE not in html(views.neuron(model, rows[2::3], number))


def test_heatmaps_without_a_word_on_unknown_tokens_mark_none():
    assert token_heatmap(["a", "b"], [0.0, 1.0]).unknown == [False, False]
    assert signed_token_heatmap(["a"], [1.0], unknown=[True]).unknown == [True]
