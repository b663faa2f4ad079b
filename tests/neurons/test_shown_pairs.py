"""Tables and views show the pairs that the training compared, or say in a sentence what they show instead."""

from __future__ import annotations

import pytest
import torch

from safr_lens import explain, pair_table, train_tokenizer
from safr_lens.errors import ConfigError
from safr_lens.models import HookedClassifier
from safr_lens.models.compared import ComparedPairs
from safr_lens.neurons.shown_pairs import shown_pairs
from safr_lens.penalty import word_correlation

TEXT = "a gripping , funny film , a boring bore"
ALIKE = {"gripping": [1.0, 0.0, 0.0], "funny": [0.8, 0.6, 0.0], "boring": [0.0, 0.0, 1.0], "bore": [0.0, 0.6, 0.8]}


def with_record(model, pairs, threshold=None, *, vectors=None):
    if vectors is not None:
        rows = [vectors.get(model.tokenizer.word(i), [torch.nan] * 3) for i in range(model.tokenizer.d_vocab)]
        vectors = torch.tensor(rows)
    model.compared = ComparedPairs(pairs, threshold, "some texts", vectors)
    return model


@pytest.fixture
def of_words(make_model):
    return with_record(make_model(), "words", 0.7, vectors=ALIKE)


def related(table):
    shown = table[table["correlation"] > 0]
    return {(row.token_first, row.token_second): row.correlation for row in shown.itertuples()}


def test_pairs_of_words_are_shown_where_words_were_compared(of_words):
    table = pair_table(of_words, TEXT)
    assert table.attrs["pairs"] == "pairs of related words (cosine above 0.7)"
    assert set(table["pairs"]) == {"words"}
    # (0.8 - 0.7) / (1 - 0.7); words without a vector, as "a" and ",", are related to none
    expected = {("gripping", "funny"): 1 / 3, ("boring", "bore"): 1 / 3}
    assert related(table) == pytest.approx(expected, abs=1e-5)
    tokens, mask = of_words.to_tokens(TEXT)
    formula = word_correlation(tokens, of_words.compared.vectors, mask, 0.7)[0]
    assert table["correlation"].tolist() == [formula[i, j].item() for i, j in table[["first", "second"]].to_numpy()]


def test_threshold_and_kind_may_be_chosen(of_words):
    assert len(related(pair_table(of_words, TEXT, threshold=0.5))) == 2
    assert len(related(pair_table(of_words, TEXT, threshold=0.3))) == 3  # funny and bore: 0.36
    assert not related(pair_table(of_words, TEXT, threshold=0.9))
    by_attention = pair_table(of_words, TEXT, pairs="attention", threshold=1.1)
    assert by_attention.attrs["pairs"] == "pairs that attend to each other (above 1.1 times uniform attention)"
    expected = explain(of_words, TEXT).correlation(threshold=1.1)
    assert related(by_attention) and by_attention["correlation"].max() == expected.max()


def test_vectors_may_be_given_without_a_run(make_model):
    table = pair_table(make_model(), TEXT, word_vectors=ALIKE, threshold=0.7)
    assert related(table) == pytest.approx({("gripping", "funny"): 1 / 3, ("boring", "bore"): 1 / 3}, abs=1e-5)
    assert shown_pairs(make_model(), word_vectors=ALIKE).threshold == 0.5


@pytest.mark.parametrize(
    ("record", "options", "said"),
    [
        (("words", 0.7), {}, "These are the pairs that the model's training compared."),
        (("words", 0.7), {"word_vectors": ALIKE}, "training compared, by the word vectors given here."),
        (("words", 0.7), {"threshold": 0.2}, "compared pairs of related words (cosine above 0.7) instead."),
        (("words", 0.7), {"pairs": "attention"}, "compared pairs of related words (cosine above 0.7) instead."),
        (("attention", 3.0), {}, "These are the pairs that the model's training compared."),
        (("attention", None), {}, "weighted every pair by its attention in the first layer, without a threshold."),
        (("none",), {}, "The model's training compared no pairs of tokens."),
        (None, {}, "Which pairs the model's training compared, if any, is not recorded."),
    ],
)
def test_the_note_says_what_was_trained(make_model, record, options, said):
    model = make_model()
    if record:
        with_record(model, *record, vectors=ALIKE)
    assert shown_pairs(model, **options).note.endswith(said)


def test_words_without_vectors_are_never_shown_as_attention(make_model):
    model = with_record(make_model(), "words", 0.4)
    said = (
        r"To show pairs of related words \(cosine above 0.4\) takes word vectors, and those of the training \(of some "
        r"texts\) are not stored with the model. Give them with word_vectors, or choose pairs=\"attention\"."
    )
    with pytest.raises(ConfigError, match=said):
        pair_table(model, TEXT)
    assert related(pair_table(model, TEXT, word_vectors=ALIKE))
    assert related(pair_table(model, TEXT, pairs="attention", threshold=1.1)), "the advice must work"


def test_a_model_with_another_tokenizer_shows_the_same_words(of_words, tiny_config):
    other = HookedClassifier.from_config(
        tiny_config(),
        tokenizer=train_tokenizer(["bore boring zygotes funny gripping"], min_frequency=1),
        labels=["a", "b"],
    )
    shown = shown_pairs(of_words).of(of_words, other)
    assert shown.name == "pairs of related words (cosine above 0.7)"
    assert shown.note == "Which pairs the model's training compared, if any, is not recorded."
    found = shown.correlation(explain(other, "funny zygotes gripping"))
    assert found[0, 2].item() == pytest.approx(1 / 3, abs=1e-5) and found.count_nonzero() == 2


def test_choices_without_meaning_are_refused(of_words):
    with pytest.raises(ConfigError, match=r"pairs must be one of attention, words; got 'word'. Did you mean 'words'"):
        pair_table(of_words, TEXT, pairs="word")
    with pytest.raises(ConfigError, match=r"threshold must be a number, from 0 to 0.999; got 2"):
        pair_table(of_words, TEXT, threshold=2)
    with pytest.raises(ConfigError, match='Word vectors have no meaning with pairs="attention"'):
        pair_table(of_words, TEXT, pairs="attention", word_vectors=ALIKE)
