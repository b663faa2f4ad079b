"""Cutting missing splits: deterministic, stratified, and no text in two of them."""

from __future__ import annotations

import hashlib
import unicodedata

import numpy as np
import pandas as pd

TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1


def text_key(text: str) -> str:
    """Return what two texts must share to count as the same: their words, without case, width and spacing.

    >>> text_key("A  Good film") == text_key("a good film ")
    True
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def cut_split(frame: pd.DataFrame, share: float, *, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut ``share`` of the distinct texts off a frame with ``text`` and ``label``: (rest, cut).

    Texts are ordered within their class by a keyed hash and the first ``share`` of each class is cut, so a row's
    place depends on its text, its class and the seed, and hardly at all on the other rows. All copies of a text
    go the same way, by the label of the first copy.
    """
    keys = frame["text"].map(text_key)
    first = pd.DataFrame({"key": keys, "label": frame["label"]}).drop_duplicates("key")
    order = first["key"].map(lambda key: hashlib.sha256(f"{seed}:{key}".encode()).hexdigest())
    first = first.assign(order=order).sort_values("order")
    chosen: set[str] = set()
    for _, group in first.groupby("label", sort=True):
        n_cut = min(max(round(len(group) * share), 1), len(group) - 1)
        chosen.update(group["key"].iloc[:n_cut])
    cut = keys.isin(chosen).to_numpy(dtype=np.bool_)
    return frame[~cut].reset_index(drop=True), frame[cut].reset_index(drop=True)


def drop_shared(frame: pd.DataFrame, others: list[pd.DataFrame]) -> tuple[pd.DataFrame, int]:
    """Drop the rows whose text also stands in one of ``others``; return what is left and how many were dropped."""
    taken: set[str] = set()
    for other in others:
        taken.update(other["text"].map(text_key))
    shared = frame["text"].map(text_key).isin(taken).to_numpy(dtype=np.bool_)
    return frame[~shared].reset_index(drop=True), int(shared.sum())


def hash_share(text: str, *, seed: int = 0) -> float:
    """Return a number in [0, 1) that depends on nothing but the text and the seed: splits for streams."""
    digest = hashlib.sha256(f"{seed}:{text_key(text)}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
