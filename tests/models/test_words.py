"""Word pieces joined to words: what is summed, averaged and maximised, and what is shown."""

from __future__ import annotations

import pytest
import torch

from safr_lens import HookedClassifier, explain, token_table, top_activations, views
from safr_lens.models.words import Words, text_activations, words_of

TEXT = "A gripping , unputdownable film"  # the fourth word has four pieces
WORDS = ["A", "gripping", ",", "unputdownable", "film"]
PIECES = [[0], [1], [2], [3, 4, 5, 6], [7]]


@pytest.fixture(scope="module", params=["neuron_head", "residual"])
def model(request, small_bert) -> HookedClassifier:
    options = {"readout": request.param, "d_mlp": 8, "d_vmask": 4, "freeze": "none"}
    return HookedClassifier.from_pretrained_backbone(small_bert, labels=["negative", "positive"], **options)


def test_pieces_are_joined_by_known_rules():
    words = Words(["a", "bc"], [0, 1, 1])
    values = torch.tensor([[1.0], [2.0], [4.0]])
    assert words.sum(values).tolist() == [[1.0], [6.0]]
    assert words.mean(values).tolist() == [[1.0], [3.0]]
    assert words.max(values).tolist() == [[1.0], [4.0]]
    assert words.first(values).tolist() == [[1.0], [2.0]]
    pattern = torch.tensor([[[0.2, 0.3, 0.5], [0.6, 0.1, 0.3], [0.0, 0.0, 1.0]]])
    torch.testing.assert_close(words.pattern(pattern), torch.tensor([[[0.2, 0.8], [0.3, 0.7]]]))


def test_whole_words_are_left_as_they_are():
    words, values = Words(["a", "b"], [0, 1]), torch.randn(2, 2)
    assert all(join(values) is values for join in (words.sum, words.mean, words.max, words.first))
    torch.testing.assert_close(words.pattern(values.unsqueeze(0)), values.unsqueeze(0))


def test_tokens_of_a_model_without_encoder_are_not_joined(make_model, texts):
    model = make_model()
    assert words_of(model, texts[0]).tokens == model.to_str_tokens(texts[0])
    assert words_of(model, texts[0]).whole


def test_an_explanation_speaks_of_words(model):
    seen, pieces = explain(model, TEXT), model.decompose(TEXT)
    assert seen.tokens == seen.parts.tokens == WORDS
    by_piece, neurons = pieces.by_token(), model.adapter.neurons(model.config.n_layers - 1)
    output = model(TEXT, capture=[neurons])
    h, q = output.activations[neurons][output.mask], output.importance[output.mask]
    for word, places in enumerate(PIECES):
        torch.testing.assert_close(seen.parts.by_token()[word], by_piece[places].sum(0), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(seen.neurons[-1][word], h[places].amax(0).detach(), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(seen.importance[word], q[places].mean(0).detach(), atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(seen.parts.total(), pieces.logits, atol=1e-5, rtol=0)
    assert token_table(model, seen)["token"].tolist() == WORDS


def test_the_most_active_token_is_shown_as_the_word_it_belongs_to(model):
    table = top_activations(model, [TEXT], range(8), 1)
    assert len(table) and set(table["token"]) <= set(WORDS) and set(table["length"]) == {5}
    for row in table.to_dict("records"):
        assert row["token"] == WORDS[row["position"]]
        one = text_activations(model, TEXT, [name := model.adapter.readable_neurons(model.config.n_layers - 1)])
        assert one[name][0, row["position"], row["neuron"]].item() == pytest.approx(row["activation"], rel=1e-3)
        assert row["before"] == " ".join(WORDS[max(0, row["position"] - 8) : row["position"]])


def test_views_show_words(model):
    for view in (views.tokens, views.allocation, views.attention):
        page = view(model, TEXT)._repr_html_()
        assert "unputdownable" in page and "##put" not in page
