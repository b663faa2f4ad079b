"""The texts in which neurons are most active, as a table with their context."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from datasets import Dataset

from safr_lens.errors import ConfigError, DataError
from safr_lens.neurons import top_activations
from safr_lens.neurons.top_activations import context
from tests.neurons.planted import DEAD, MONOSEMANTIC, POLYSEMANTIC, WORD, WORDS, planted_model
from tests.reference import slow_neurons as slow

# ---- context


@pytest.mark.parametrize(
    ("position", "window", "expected"),
    [
        (0, 2, ("", "don't")),
        (3, 1, ("n't", "it")),
        (4, 9, ("I  don't\nlike", "!")),
        (5, 2, ("like it", "")),
        (2, 0, ("", "")),
    ],
)
def test_context_is_spaced_as_in_the_text(position, window, expected):
    assert context(" I  don't\nlike it! ", ["I", "do", "n't", "like", "it", "!"], position, window) == expected


def test_context_of_tokens_that_are_not_in_the_text_is_joined_by_spaces():
    assert context("naïve", ["na", "Ã", "¯", "ve"], 2, 2) == ("na Ã", "ve")


def test_context_of_decomposed_letters_and_lone_surrogates():
    assert context("cafe\u0301, \ud800 bar", ["café", ",", "\ufffd", "bar"], 2, 2) == ("café,", "bar")


def test_context_of_repeated_tokens():
    assert context("no, no  no!no", ["no", ",", "no", "no", "!", "no"], 2, 3) == ("no,", "no!no")


# ---- table


def by_loop(model, texts, k, layer):
    """The strongest texts of each neuron, from one text at a time."""
    name = f"blocks.{layer}.mlp.hook_post"
    with torch.no_grad():
        seen = [model(text, capture=[name]).activations[name][0].T.tolist() for text in texts]
    return [slow.top_texts([(i, neurons[n]) for i, neurons in enumerate(seen)], k) for n in range(len(seen[0]))]


@pytest.mark.parametrize("k", [1, 3, 50])
def test_table_equals_slow_loop(model, texts, k):
    for layer in {0, model.config.n_layers - 1}:
        table = top_activations(model, texts, range(32), k=k, layer=layer)
        for neuron, expected in enumerate(by_loop(model, texts, k, layer)):
            found = table[table["neuron"] == neuron]
            assert found["example"].tolist() == [row[1] for row in expected]
            assert found["position"].tolist() == [row[2] for row in expected]
            assert found["activation"].tolist() == pytest.approx([row[0] for row in expected], rel=1e-4)
        assert table["neuron"].is_monotonic_increasing and table["neuron"].nunique() > 20


def test_table_shows_the_tokens_as_they_stand_in_the_text(make_model):
    model = make_model()
    rows = [
        {"text": "A Gripping,  funny FILM", "label": 1},
        {"text": "Zygotes ARE boring", "label": 0},
        {"text": "The acting is warm"},
    ]
    table = top_activations(model, rows, range(32), k=3, window=2)
    for row in table.itertuples():
        tokens = model.to_str_tokens(rows[row.example]["text"])
        assert row.token == tokens[row.position] and row.length == len(tokens)
        before = " ".join(tokens[max(0, row.position - 2) : row.position]).replace(" ,", ",")
        assert row.before.split() == before.split()
        assert row.label == ["positive", "negative"][row.example] if row.example < 2 else pd.isna(row.label)
    assert "Gripping" in set(table["token"]) and {"Zygotes", "ARE"} & set(table["token"])
    spaced = table[table["token"] == "funny"]
    assert len(spaced) and set(spaced["before"]) == {"Gripping,"} and set(spaced["after"]) == {"FILM"}


@pytest.mark.parametrize("max_positions", [1, 25, 100])
def test_table_does_not_depend_on_batches(make_model, texts, monkeypatch, max_positions):
    model = make_model()
    data = [*texts, *texts, texts[3].upper()]
    expected = top_activations(model, data, range(32), k=5)
    assert len(expected[expected["neuron"] == expected["neuron"][0]]) == 5
    stream = top_activations.__globals__["finite_activations"]
    monkeypatch.setitem(
        top_activations.__globals__, "finite_activations", lambda *a: stream(*a, max_positions=max_positions)
    )
    found = top_activations(model, data, range(32), k=5)
    columns = [name for name in found if name != "activation"]
    assert found[columns].equals(expected[columns])
    assert found["activation"].tolist() == pytest.approx(expected["activation"].tolist(), rel=1e-4)


def test_permuted_data_give_the_same_texts(make_model, texts):
    model = make_model()
    order = [3, 0, 5, 1, 4, 2]
    table = top_activations(model, texts, range(32), k=4)
    permuted = top_activations(model, [texts[i] for i in order], range(32), k=4)
    assert [order[i] for i in permuted["example"]] == table["example"].tolist()
    assert permuted["before"].tolist() == table["before"].tolist()


def test_planted_neurons_are_told_apart_by_their_strongest_tokens():
    model, texts = planted_model()
    table = top_activations(model, texts, [POLYSEMANTIC, DEAD, MONOSEMANTIC], k=20)
    assert table["neuron"].tolist() == [MONOSEMANTIC] * 20 + [POLYSEMANTIC] * 20
    table = table.groupby("neuron")
    assert set(table.groups) == {MONOSEMANTIC, POLYSEMANTIC}
    mono, poly = table.get_group(MONOSEMANTIC), table.get_group(POLYSEMANTIC)
    assert set(mono["token"]) == {WORD} and set(poly["token"]) == set(WORDS)
    # all are equal, so the first texts with the word are shown, at its first place
    having = [i for i, text in enumerate(texts) if WORD in text.split()]
    assert mono["example"].tolist() == having[:20]
    assert mono["position"].tolist() == [texts[i].split().index(WORD) for i in having[:20]]


def test_a_dead_neuron_has_an_empty_table():
    model, texts = planted_model(5)
    table = top_activations(model, texts, DEAD)
    assert not len(table) and table.columns[0] == "neuron"


def test_streamed_and_long_data(make_model, texts):
    model = make_model()
    long = "dull " * 40 + "film"
    rows = [{"text": text, "label": 0} for text in [*texts, long]]
    expected = top_activations(model, rows, range(32), k=3)
    streamed = Dataset.from_list(rows).to_iterable_dataset()
    assert top_activations(model, streamed, range(32), k=3).equals(expected)
    cut = expected[expected["example"] == len(texts)]
    assert len(cut) and set(cut["length"]) == {model.config.n_ctx}


def test_bad_input(make_model, texts):
    model = make_model()
    for k in (0, -1, 1.5, True):
        with pytest.raises(ConfigError, match="k must be a whole number, at least 1"):
            top_activations(model, texts, 0, k)
    with pytest.raises(ConfigError, match="window must be a whole number, at least 0; got -1"):
        top_activations(model, texts, 0, window=-1)
    with pytest.raises(ConfigError, match="no neuron 32"):
        top_activations(model, texts, [0, 32])
    with pytest.raises(ConfigError, match="no layer 1"):
        top_activations(model, texts, 0, layer=1)
    with pytest.raises(DataError, match="holds no texts"):
        top_activations(model, [], 0)
    with pytest.raises(DataError, match="can be read only once"):
        top_activations(model, iter(texts), 0)


class Changing:
    """Texts that are others when they are read again."""

    def __init__(self, *readings):
        self.readings = iter(readings)

    def __iter__(self):
        return iter(next(self.readings))


@pytest.mark.parametrize("second", [["boring"], ["boring"] * 6])
def test_data_that_change_between_the_two_readings_are_an_error(make_model, texts, second):
    with pytest.raises(DataError, match="other texts when it was read again"):
        top_activations(make_model(), Changing(list(texts), second), range(32))


def test_one_text_of_one_neuron():
    model, texts = planted_model()
    found, more = (top_activations(model, texts, MONOSEMANTIC, k=k) for k in (1, 2))
    assert len(found) == 1
    pd.testing.assert_frame_equal(found, more.head(1))
