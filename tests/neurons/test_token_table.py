"""The table of the tokens of a text."""

from __future__ import annotations

import math

import pytest
import torch

from safr_lens.errors import ConfigError, TextError
from safr_lens.measures.attribution import attribution
from safr_lens.neurons import token_table
from tests.neurons.planted import MONOSEMANTIC, POLYSEMANTIC, planted_model
from tests.reference import slow_measures

TEXT = "The acting is Warm, and zygotes never end"


def seen(model, text, layer):
    names = [f"blocks.{layer}.mlp.hook_post", f"blocks.{layer}.attn.hook_pattern"]
    with torch.no_grad():
        output = model(text, capture=names)
    return output, output.activations[names[0]][0], output.activations[names[1]]


def test_token_table_columns(model):
    table = token_table(model, TEXT)
    last = model.config.n_layers - 1
    output, neurons, _ = seen(model, TEXT, last)
    assert table["token"].tolist() == ["The", "acting", "is", "Warm", ",", "and", "zygotes", "never", "end"]
    assert table["position"].tolist() == list(range(9))
    assert table["importance"].tolist() == pytest.approx(output.importance[0].tolist())
    expected = slow_measures.capacity(neurons.double().tolist())
    assert table["capacity"].tolist() == pytest.approx(expected, abs=1e-5, nan_ok=True)
    assert table["active"].tolist() == [sum(value > 0 for value in row) for row in neurons.tolist()]
    assert table["neurons_for_half"].tolist() == attribution(model.decompose(TEXT)).neurons_for_half()


def test_the_tokens_logits_sum_to_those_of_the_text(model):
    table = token_table(model, TEXT)
    logits = model(TEXT).logits[0].tolist()
    assert table[["logit_negative", "logit_positive"]].sum().tolist() == pytest.approx(logits, abs=1e-4)
    expected = model.decompose(TEXT).by_token()
    torch.testing.assert_close(torch.tensor(table["logit_positive"].tolist()), expected[:, 1])


def test_the_listed_neurons_are_those_with_the_largest_shares(model):
    table = token_table(model, TEXT, top=4)
    parts = model.decompose(TEXT)
    predicted = int(parts.logits.argmax())
    for row, contributions in zip(table.itertuples(), parts.neurons.tolist(), strict=True):
        evidence = [abs(pair[predicted] - pair[1 - predicted]) for pair in contributions]
        order = sorted(range(len(evidence)), key=lambda n: -evidence[n])[:4]
        order = [n for n in order if evidence[n] > 0]
        assert row.neurons == order
        assert row.shares == pytest.approx([evidence[n] / sum(evidence) for n in order], abs=1e-5)


def test_tokens_of_planted_neurons():
    model, _ = planted_model(1)
    table = token_table(model, "superb river film river")
    assert [row[:1] for row in table["neurons"][:2]] == [[MONOSEMANTIC], [POLYSEMANTIC]]
    silent = token_table(model, "superb zygotes")
    assert silent["active"].tolist() == [1, 0] and silent["neurons"].tolist() == [[MONOSEMANTIC], []]
    assert math.isnan(silent["capacity"][1]) and silent["neurons_for_half"].tolist() == [1, 0]


def test_token_table_of_long_text_and_of_no_neuron(make_model):
    model = make_model()
    with pytest.raises(TextError, match="reads at most 32"):
        token_table(model, "dull " * 40)
    assert len(token_table(model, "dull " * 40, truncate=True)) == 32
    assert token_table(model, "dull", top=0)["neurons"].tolist() == [[]]
    with pytest.raises(ConfigError, match="top must be a whole number, at least 0; got -1"):
        token_table(model, "dull", top=-1)
    with pytest.raises(TextError, match="no token"):
        token_table(model, "")
