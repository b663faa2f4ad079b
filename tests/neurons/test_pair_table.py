"""The table of the pairs of tokens of a text."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch

from safr_lens.errors import ConfigError, TextError
from safr_lens.neurons import pair_table
from safr_lens.penalty import attention_correlation
from tests.neurons.planted import MONOSEMANTIC, POLYSEMANTIC, planted_model
from tests.reference import slow_neurons

TEXT = "The acting is Warm, and zygotes never end"


def seen(model, text, layer):
    names = [f"blocks.{layer}.mlp.hook_post", f"blocks.{layer}.attn.hook_pattern"]
    patterns = [f"blocks.{i}.attn.hook_pattern" for i in range(model.config.n_layers)]  # looked at in all, as there
    with torch.no_grad():
        output = model(text, capture=[*names, *patterns])
    return output, output.activations[names[0]][0], output.activations[names[1]]


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
