"""The tables of tokens and of pairs of tokens of one text."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
import torch

from safr_lens.errors import ConfigError, TextError
from safr_lens.measures.attribution import attribution
from safr_lens.neurons import pair_table, token_table
from safr_lens.penalty import attention_correlation
from tests.neurons.planted import MONOSEMANTIC, POLYSEMANTIC, planted_model
from tests.reference import slow_measures, slow_neurons

TEXT = "The acting is Warm, and zygotes never end"


def seen(model, text, layer):
    names = [f"blocks.{layer}.mlp.hook_post", f"blocks.{layer}.attn.hook_pattern"]
    with torch.no_grad():
        output = model(text, capture=names)
    return output, output.activations[names[0]][0], output.activations[names[1]]


# ---- tokens


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


# ---- pairs


@pytest.mark.parametrize("layer", [0, -1])
def test_pair_table_equals_slow_loop(model, layer):
    table = pair_table(model, TEXT, layer=layer, threshold=1.2, top=3)
    _, neurons, pattern = seen(model, TEXT, layer % model.config.n_layers)
    correlation = attention_correlation(pattern, torch.ones(1, 9, dtype=torch.bool), 1.2)[0]
    h = neurons.double().tolist()
    words = model.to_str_tokens(TEXT)
    assert sorted(zip(table["first"], table["second"], strict=True)) == list(combinations(range(9), 2))
    for row in table.itertuples():
        i, j = row.first, row.second
        terms = slow_neurons.overlap_terms(h[i], h[j])
        order = sorted((n for n in range(32) if terms[n] > 0), key=lambda n: -terms[n])[:3]
        assert (row.token_first, row.token_second) == (words[i], words[j])
        assert row.correlation == pytest.approx(correlation[i, j].item())
        assert row.overlap == pytest.approx(sum(terms), abs=1e-5)
        assert row.shared == sum(a > 0 and b > 0 for a, b in zip(h[i], h[j], strict=True))
        assert row.neurons == order
        assert row.shares == pytest.approx([terms[n] for n in order], abs=1e-5)
    assert 0 < (table["correlation"] > 0).sum() < len(table)


def test_pairs_are_sorted_by_correlation_and_then_by_overlap(model):
    table = pair_table(model, TEXT, threshold=1.2)
    keys = list(zip(table["correlation"], table["overlap"], strict=True))
    assert keys == sorted(keys, reverse=True) and table["correlation"][0] == 1.0
    assert table.index.tolist() == list(range(len(table)))


def test_the_threshold_is_that_of_the_correlation(make_model):
    model = make_model()
    counts = [(pair_table(model, TEXT, threshold=t)["correlation"] > 0).sum() for t in (0.0, 1.0, 1.5, 9.0)]
    assert counts == sorted(counts, reverse=True) and counts[0] == 36 and counts[-1] == 0


def test_the_shares_of_all_neurons_sum_to_the_overlap(make_model):
    table = pair_table(make_model(), TEXT, top=32)
    assert [sum(shares) for shares in table["shares"]] == pytest.approx(table["overlap"].tolist(), abs=1e-5)


def test_pairs_of_planted_neurons():
    model, _ = planted_model(1)
    table = pair_table(model, "river superb under zygotes superb").set_index(["first", "second"])
    same = table.loc[(1, 4)]
    assert same["overlap"] == pytest.approx(1.0) and same["neurons"] == [MONOSEMANTIC] and same["shared"] == 1
    unrelated = table.loc[(0, 2)]
    assert unrelated["neurons"][0] == POLYSEMANTIC and unrelated["overlap"] > 0.9
    assert table.loc[(0, 1), "overlap"] == 0.0 and table.loc[(0, 1), "neurons"] == []
    assert table.loc[(1, 3), "overlap"] == 0.0 and table.loc[(1, 3), "shared"] == 0


def test_a_text_of_one_token_has_no_pair(make_model):
    table = pair_table(make_model(), "boring")
    assert not len(table) and table.columns[0] == "first"


def test_bad_input(make_model):
    model = make_model()
    with pytest.raises(ConfigError, match="no layer 1"):
        pair_table(model, TEXT, layer=1)
    with pytest.raises(ConfigError, match="threshold must be a number, at least 0; got -1"):
        pair_table(model, TEXT, threshold=-1)
    with pytest.raises(ConfigError, match="top must be a whole number"):
        pair_table(model, TEXT, top=-1)
    with pytest.raises(TextError, match="reads at most 32"):
        pair_table(model, "dull " * 40)
    assert len(pair_table(model, "dull " * 40, truncate=True)) == 32 * 31 // 2
