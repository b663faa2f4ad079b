"""A neuron table that comes back names neurons by their numbers, or is refused."""

from __future__ import annotations

import dataclasses
import re

import pandas as pd
import pytest

from safr_lens import analyze, neuron_table, views
from safr_lens.errors import ConfigError
from safr_lens.neurons.read_table import checked_table
from safr_lens.views import NeuronNames
from safr_lens.views.names import is_doubted
from safr_lens.visible import as_word

TEXT = "a gripping , funny film"


@pytest.fixture(scope="module")
def model(make_model):
    return make_model("residual", n_layers=2)


@pytest.fixture(scope="module")
def table(model, texts):
    table = neuron_table(model, [{"text": text, "label": i % 2} for i, text in enumerate(texts * 5)])
    assert len({tuple(words) for words in table["top_words"]}) > 10  # an exchange of rows would be seen
    return table


def from_csv(table, folder, **options):
    table.to_csv(folder / "neurons.csv", **options)
    return pd.read_csv(folder / "neurons.csv")


def from_json(table, folder):
    table.to_json(folder / "neurons.json", orient="records")
    return pd.read_json(folder / "neurons.json")


def from_parquet(table, folder):
    table.to_parquet(folder / "neurons.parquet")
    return pd.read_parquet(folder / "neurons.parquet")


SAME = {
    "as it is": lambda table, folder: table,
    "sorted": lambda table, folder: table.sort_values("max"),
    "shuffled with a new index": lambda table, folder: table.sample(frac=1, random_state=0).reset_index(drop=True),
    "by neuron as its index": lambda table, folder: table.set_index("neuron").sort_values("mean"),
    "from a CSV file": lambda table, folder: from_csv(table, folder),
    "sorted, from a CSV file": lambda table, folder: from_csv(table.sort_values("max"), folder, index=False),
    "rounded, from a CSV file": lambda table, folder: from_csv(table.sort_values("max"), folder, float_format="%.3f"),
    "from a JSON file": lambda table, folder: from_json(table.sort_values("max"), folder),
    "from a parquet file": lambda table, folder: from_parquet(table.sort_values("max"), folder),
    "of two columns": lambda table, folder: table[["top_words", "neuron"]].sort_values("neuron", ascending=False),
    "with numbers as text": lambda table, folder: table.astype({"neuron": str}).sort_values("neuron"),
}


@pytest.mark.parametrize("kind", list(SAME))
def test_neurons_are_named_by_their_numbers(model, table, tmp_path, kind):
    back = SAME[kind](table, tmp_path)
    numbers = range(model.config.d_mlp)
    expected = [
        f"{n}: {', '.join(map(as_word, words[:3])) or 'no word'}"
        for n, words in zip(numbers, table["top_words"], strict=True)
    ]
    names = NeuronNames(model, back).of(numbers)
    assert [re.sub(r" \(0\.\d\d\):", ":", name) for name in names] == expected
    doubted = [is_doubted(row) for row in table.to_dict("records")]
    assert any(doubted) and [name.doubted for name in names] == (doubted if "name_holds" in back else [False] * 32)
    assert checked_table(model, back)["top_words"].tolist() == table["top_words"].tolist()


@pytest.mark.parametrize("kind", ["sorted", "sorted, from a CSV file"])
def test_views_show_the_same_for_a_sorted_table(model, table, tmp_path, kind):
    back = SAME[kind](table, tmp_path)
    shown = {
        "tokens": lambda words: views.tokens(model, TEXT, words=words),
        "contributions": lambda words: views.contributions(model, TEXT, words=words),
        "allocation": lambda words: views.allocation(model, TEXT, words=words, pairs="attention"),
    }
    for view in shown.values():
        assert view(back).rendered("x").html == view(table).rendered("x").html


def test_a_view_of_a_neuron_shows_its_own_row_of_a_sorted_analysis(model, texts):
    rows = [{"text": text, "label": i % 2} for i, text in enumerate(texts * 5)]
    analysis = analyze(model, rows, at_init=False, faithfulness_texts=0)
    expected = views.neuron(model, rows, 5, analysis=analysis).content["row"]
    analysis = dataclasses.replace(analysis, neurons=analysis.neurons.sort_values("max"))
    found = views.neuron(model, rows, 5, analysis=analysis).content["row"]
    assert found["neuron"] == 5 and found["max"] == expected["max"]


WRONG = {
    "a row too few": (lambda table: table.iloc[:-1], r"31 are missing"),
    "alive neurons only": (lambda table: table[table["neuron"] % 2 == 0], r"1, 3, 5, 7, 9 and 11 more are missing"),
    "a neuron twice": (lambda table: pd.concat([table, table.iloc[[7]]]), "7 are twice"),
    "a larger layer": (lambda table: table.assign(neuron=table["neuron"] + 1), "32 are beyond the 32 of the model"),
    "no numbers": (lambda table: table.assign(neuron="a"), "'a'.* are no numbers"),
    "no neuron": (lambda table: table.drop(columns="neuron"), "has no column 'neuron'"),
    "no words": (lambda table: table.drop(columns="top_words"), "has no column 'top_words'"),
    "words as one text": (lambda table: table.assign(top_words="good, film"), "of neuron 0 are no list of words"),
    "words are numbers": (lambda table: table.assign(top_words=1.0), "of neuron 0 are no list of words"),
    "other classes": (lambda table: table.rename(columns={"logit_negative": "logit_bad"}), "another model or layer"),
}


@pytest.mark.parametrize("kind", list(WRONG))
def test_a_table_that_is_not_whole_is_one_error(model, table, kind):
    change, message = WRONG[kind]
    for use in (NeuronNames, lambda model, words: views.tokens(model, TEXT, words=words)):
        with pytest.raises(ConfigError, match=message):
            use(model, change(table))


def test_a_table_of_another_model_or_layer_is_an_error(make_model, model, table):
    with pytest.raises(ConfigError, match="another model or layer"):
        NeuronNames(make_model("residual", n_layers=2, seed=1), table)
    with pytest.raises(ConfigError, match=r"another model or layer.*neuron_table\(model, data, layer=0\)"):
        NeuronNames(model, table, layer=0)


def test_words_that_are_text_are_an_error(model):
    for words in ("good", ["good"] * 32):
        with pytest.raises(ConfigError, match="list of words for each neuron"):
            NeuronNames(model, words)
