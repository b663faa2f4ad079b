"""Cutting missing splits: deterministic, stratified, and no text in two of them."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable

import numpy as np
import pandas as pd
from jaxtyping import Bool

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1


def text_key(text: str) -> str:
    """Return what two texts must share to count as the same: their words, without case, width and spacing.

    >>> text_key("A  Good film") == text_key("a good film ")
    True
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def cut_split(keys: pd.Series, labels: pd.Series, share: float, *, seed: int = 0) -> Bool[np.ndarray, " n_rows"]:
    """Return which rows are cut off, so that they have ``share`` of the distinct texts.

    Texts are ordered within their class by a keyed hash and the first ``share`` of each class is cut, so a row's
    place depends on its text, its class and the seed, and hardly at all on the other rows. All copies of a text
    go the same way, by the label of the first copy.
    """
    first = pd.DataFrame({"key": keys, "label": labels}).drop_duplicates("key")
    order = first["key"].map(lambda key: hashlib.sha256(f"{seed}:{key}".encode()).hexdigest())
    first = first.assign(order=order).sort_values("order")
    chosen: set[str] = set()
    for _, group in first.groupby("label", sort=True):
        n_cut = min(max(round(len(group) * share), 1), len(group) - 1)
        chosen.update(group["key"].iloc[:n_cut])
    return keys.isin(chosen).to_numpy(dtype=np.bool_)


def shared_rows(keys: pd.Series, others: Iterable[pd.Series]) -> Bool[np.ndarray, " n_rows"]:
    """Return the rows whose text also stands in one of ``others``."""
    return keys.isin(set().union(*others)).to_numpy(dtype=np.bool_)


def hash_share(text: str, *, seed: int = 0) -> float:
    """Return a number in [0, 1) that depends on nothing but the text and the seed: splits for streams."""
    digest = hashlib.sha256(f"{seed}:{text_key(text)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
