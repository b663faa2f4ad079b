"""A tiny corpus whose classes a classifier can tell apart, and the tiny classifier that learns it."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
from datasets import Dataset

from safr_lens import HookedClassifier, ModelConfig, TextData, train_tokenizer
from safr_lens.data.splits import FEATURES

LABELS = ("negative", "positive")
WORDS = (
    ("dull", "awful", "boring", "tedious", "worst", "stupid"),
    ("wonderful", "gripping", "funny", "moving", "great", "solid"),
)
FILLER = ("the", "film", "story", "is", "and", "with", "a", "cast", "plot", "this", "scene", "of")


def rows(n: int, *, seed: int) -> list[dict[str, str | int]]:
    """Return ``n`` texts of filler with two words of their class; 6 in 11 are negative."""
    draw = random.Random(seed)
    made = []
    for i in range(n):
        label = int(i % 11 >= 6)
        words = draw.choices(FILLER, k=draw.randint(2, 9)) + draw.choices(WORDS[label], k=2)
        draw.shuffle(words)
        made.append({"text": " ".join(words), "label": label})
    return made


def write_corpus(path: Path, n: int) -> Path:
    """Write ``n`` texts as a csv file."""
    pd.DataFrame(rows(n, seed=4)).to_csv(path, index=False)
    return path


def sentiment_data(*, n_train: int = 72, n_other: int = 24) -> TextData:
    """Return train, validation and test splits of the corpus."""
    sizes = (("train", n_train), ("validation", n_other), ("test", n_other))
    made = {name: rows(n, seed=seed) for seed, (name, n) in enumerate(sizes)}
    splits = {name: Dataset.from_list(part, features=FEATURES) for name, part in made.items()}
    return TextData(source="corpus", labels=LABELS, splits=splits)


def tiny_classifier(*, seed: int = 0, **sizes) -> HookedClassifier:
    """Return an untrained classifier that knows the corpus's words."""
    small = {
        "n_layers": 1,
        "d_model": 16,
        "n_heads": 2,
        "d_mlp": 32,
        "n_ctx": 16,
        "d_vmask": 8,
        "dropout": 0.1,
    }
    tokenizer = train_tokenizer((row["text"] for row in rows(200, seed=9)), min_frequency=1)
    return HookedClassifier.from_config(
        ModelConfig(**{**small, **sizes}), tokenizer=tokenizer, labels=LABELS, seed=seed
    )
