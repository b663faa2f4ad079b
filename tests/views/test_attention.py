"""The attention view lists each correlated pair once."""

from __future__ import annotations

from safr_lens import pair_table, views


def test_pairs_are_those_of_the_pair_table(make_model):
    model, text = make_model(), "a gripping , funny film"
    for threshold in (1.0, 1.2):
        table = pair_table(model, text, threshold=threshold)
        expected = {(row.first, row.second) for row in table[table["correlation"] > 0].head(8).itertuples()}
        shown = [
            (first[1], second[1])
            for first, second, *_ in views.attention(model, text, threshold=threshold).content["pairs"]
        ]
        assert 0 < len(shown) == len(set(shown))
        assert set(shown) == expected
